// Package sandbox runs work that a tenant's input may make endless in child processes of the same
// program, with limits that hold for a Go program: of memory and of time. A child gets a request on
// its standard input, answers on its standard output, and serves several requests, until one fails.
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"
)

// Limits are what one request may take.
type Limits struct {
	// Memory is that of the child, in bytes.
	Memory int
	// Time is by the clock.
	Time time.Duration
	// Request and Answer are the largest of each, in bytes.
	Request, Answer int
}

var errTooLarge = errors.New("is too large")

// ProgramMemory is what a child may take besides Limits.Memory, in bytes: the program's own data, stacks,
// and what the allocator keeps in reserve. It belongs to no request.
const ProgramMemory = 128 << 20

// maxStack ends an endless recursion before it takes all memory, in bytes.
const maxStack = 64 << 20

// heapGrowth is by how many percent the heap may grow before garbage is collected. Most of what a
// request allocates is garbage when it is answered, and the memory limit holds all the same.
const heapGrowth = 250

// Serve is the child: it answers requests until its input ends. It limits itself first, for good,
// so that nothing that it reads runs without limits; it ends itself if one takes longer than its
// time, so that it does not outlive the parent by more.
func Serve(limits Limits, in io.Reader, out io.Writer, answer func(request []byte) []byte) error {
	if err := confine(limits.Memory + ProgramMemory); err != nil {
		return fmt.Errorf("limiting the process: %w", err)
	}
	// What is printed tells the parent why the child has ended: what a request logs must not forge that. Package
	// log uses the same.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	debug.SetMemoryLimit(int64(limits.Memory))
	debug.SetGCPercent(heapGrowth)
	debug.SetMaxStack(maxStack)
	for {
		request, err := readFrame(in, limits.Request)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		timer := time.AfterFunc(limits.Time+time.Second, func() { os.Exit(1) })
		message := answer(request)
		timer.Stop()
		if len(message) > limits.Answer {
			return fmt.Errorf("the answer %w", errTooLarge)
		}
		if err := writeFrame(out, message); err != nil {
			return err
		}
	}
}
