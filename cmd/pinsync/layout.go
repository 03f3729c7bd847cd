package main

import (
	"fmt"
	"io"
	"os"
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

// line prints a line, indented by two blanks a level.
func (p *page) line(level int, format string, args ...any) {
	indent := strings.Repeat("  ", level)
	p.wrap(indent, indent+"    ", printable(fmt.Sprintf(format, args...)))
}

// wrap prints a text after the beginning of its line. What does not fit goes on in lines that begin with
// next. Words stay whole: they are names to copy.
func (p *page) wrap(begin, next, text string) {
	line, sep := begin, ""
	for word := range strings.SplitSeq(text, " ") {
		if strings.TrimSpace(line) != "" && utf8.RuneCountInString(line+sep+word) > p.width {
			p.end(line)
			line, sep = next, ""
		}
		line += sep + word
		sep = " "
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

// table is printed in columns, the header first. What follows a cell that takes more than half of the page is
// printed in the next line, in its columns. The last cell is wrapped.
type table [][]string

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	*t = append(*t, cells)
}

func (t *table) print(p *page) {
	widths := make([]int, len((*t)[0]))
	for _, row := range *t {
		for i, cell := range row {
			if width := utf8.RuneCountInString(cell); width <= p.width/2 {
				widths[i] = max(widths[i], width)
			}
		}
	}
	for _, row := range *t {
		line, column := "", 0
		for i, cell := range row[:len(row)-1] {
			line += fmt.Sprintf("%-*s  ", widths[i], cell)
			if column += widths[i] + 2; utf8.RuneCountInString(line) > column {
				p.end(line)
				line = strings.Repeat(" ", column)
			}
		}
		p.wrap(line, "    ", row[len(row)-1])
	}
}
