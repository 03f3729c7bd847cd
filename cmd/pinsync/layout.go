package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// defaultWidth is the width of lines where the output is no terminal.
const defaultWidth = 80

// widthOf returns the width of the terminal that is printed to.
func widthOf(out io.Writer) int {
	if file, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
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

// table is printed in columns if they fit the page, otherwise with each cell on a line of its own.
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
	widths := make([]int, len(t.header))
	total := -2
	for i := range widths {
		widths[i] = max(utf8.RuneCountInString(t.header[i]), 1)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i] + 2
	}
	if total > p.width {
		t.printBlocks(p)
		return
	}
	for _, row := range append([][]string{t.header}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if cell == "" {
				cell = "-"
			}
			fmt.Fprint(&line, cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		p.end(line.String())
	}
}

func (t *table) printBlocks(p *page) {
	for _, row := range t.rows {
		p.line(0, "%s", row[0])
		for i, cell := range row[1:] {
			if cell != "" {
				p.line(1, "%s: %s", strings.ToLower(t.header[i+1]), cell)
			}
		}
	}
}
