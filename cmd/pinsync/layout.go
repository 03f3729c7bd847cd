package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// defaultWidth is the width of lines where the output is no terminal.
const defaultWidth = 80

// widthOf returns the width of the terminal that is printed to, or else that of COLUMNS.
func widthOf(out io.Writer) int {
	if file, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return defaultWidth
}

// page is a text of sections for people.
type page struct {
	strings.Builder
	width int
}

// line prints a line, indented by two blanks a level. One that is too long goes on in the next line,
// further indented. Words stay whole: they are names to copy.
func (p *page) line(level int, format string, args ...any) {
	indent := strings.Repeat("  ", level)
	line := indent
	for i, word := range strings.Split(printable(fmt.Sprintf(format, args...)), " ") {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > p.width:
			p.end(line)
			line = indent + "    " + word
		default:
			line += " " + word
		}
	}
	p.end(line)
}

// end ends a line.
func (p *page) end(line string) {
	fmt.Fprintln(p, strings.TrimRight(line, " "))
}

func (p *page) section(title string) {
	p.line(0, "")
	p.line(0, "%s", title)
}

// table is printed in columns that fit the page, and the rows that do not fit with each cell on a line of
// its own. So are all if they are many.
type table struct {
	header []string
	rows   [][]string
}

// add adds a row. An empty cell is printed as a dash in columns, and not at all otherwise.
func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.rows = append(t.rows, cells)
}

func (t *table) print(p *page) {
	widths, isWide := t.layOut(p.width)
	for i, row := range append([][]string{t.header}, t.rows...) {
		switch {
		case widths == nil && i == 0:
		case widths == nil || isWide[i]:
			t.printBlock(p, row)
		default:
			printColumns(p, row, widths)
		}
	}
}

// maxWide is how many rows for one that does not fit make a table be printed in columns.
const maxWide = 3

// layOut returns the widths of the columns, and which rows, after the header, are wider; nil, too many are.
func (t *table) layOut(most int) (widths []int, isWide []bool) {
	widths, isWide = make([]int, len(t.header)), make([]bool, len(t.rows)+1)
	order := make([]int, len(t.rows)+1) // the header is first, and the narrowest rows follow
	for i := range order {
		order[i] = i
	}
	rows := append([][]string{t.header}, t.rows...)
	slices.SortStableFunc(order[1:], func(a, b int) int { return total(columnsOf(rows[a], nil)) - total(columnsOf(rows[b], nil)) })
	wide := 0
	for _, i := range order {
		if wider := columnsOf(rows[i], widths); total(wider) <= most {
			widths = wider
		} else {
			isWide[i] = true
			wide++
		}
	}
	if isWide[0] || wide*(maxWide+1) > len(rows) {
		return nil, nil
	}
	return widths, isWide
}

// columnsOf returns the widths that columns need for a row besides those that they have.
func columnsOf(row []string, widths []int) []int {
	wider := make([]int, len(row))
	copy(wider, widths)
	for i, cell := range row {
		wider[i] = max(wider[i], utf8.RuneCountInString(cell), 1)
	}
	return wider
}

func total(widths []int) int {
	sum := -2
	for _, width := range widths {
		sum += width + 2
	}
	return sum
}

func printColumns(p *page, row []string, widths []int) {
	var line strings.Builder
	for i, cell := range row {
		if cell == "" {
			cell = "-"
		}
		fmt.Fprint(&line, cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
	}
	p.end(line.String())
}

func (t *table) printBlock(p *page, row []string) {
	p.line(0, "%s", row[0])
	for i, cell := range row[1:] {
		if cell != "" {
			p.line(1, "%s: %s", strings.ToLower(t.header[i+1]), cell)
		}
	}
}
