package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// worthProgress is how many images are so many that somebody who waits wants to know how
// far it is.
const worthProgress = 20

// progress tells somebody at a terminal how far a check has come.
type progress struct {
	out         io.Writer
	done, total int
	isShown     bool
}

func newProgress(out io.Writer, total int) *progress {
	file, isFile := out.(*os.File)
	return &progress{out: out, total: total, isShown: total > worthProgress && isFile && term.IsTerminal(int(file.Fd()))}
}

func (p *progress) step() {
	p.done++
	if p.isShown {
		fmt.Fprintf(p.out, "\rchecked %d of %d images", p.done, p.total)
	}
}

// end clears the line for what comes next.
func (p *progress) end() {
	if p.isShown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
