package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// progressThreshold is the number of images above which a check shows its progress.
const progressThreshold = 20

// progress shows the progress of a check on a terminal.
type progress struct {
	out         io.Writer
	done, total int
	isShown     bool
}

func newProgress(out io.Writer, total int) *progress {
	return &progress{out: out, total: total, isShown: total > progressThreshold && isTerminal(out)}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func (p *progress) step() {
	p.done++
	if p.isShown {
		fmt.Fprintf(p.out, "\rchecked %d of %d images", p.done, p.total)
	}
}

// end clears the line.
func (p *progress) end() {
	if p.isShown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
