package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
)

// child is a process that serves requests.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.ReadCloser
	errors *printed
	served int
	// kill ends the process; further calls do nothing.
	kill func()
}

// start starts a child. It inherits nothing of the environment: it needs none, and there may be
// secrets in it.
func start(command []string) (*child, error) {
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // the program itself; a child outlives requests
	cmd.Env = []string{"GOMAXPROCS=1", "GOTRACEBACK=none"}
	cmd.Dir = "/"
	c := &child{cmd: cmd, errors: &printed{}}
	cmd.Stderr = c.errors
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a process: %w", err)
	}
	c.kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it was killed
	})
	return c, nil
}

// do sends a request and returns the answer. After an error the child is of no use.
func (c *child) do(ctx context.Context, request []byte, most int) ([]byte, error) {
	c.served++
	stop := context.AfterFunc(ctx, c.kill)
	err := writeFrame(c.in, request)
	var answer []byte
	if err == nil {
		answer, err = readFrame(c.out, most)
	}
	switch {
	case !stop():
		return nil, context.Cause(ctx)
	case err == nil:
		return answer, nil
	}
	c.kill() // so that all of its messages are there
	switch {
	case errors.Is(err, errTooLarge), c.errors.has(errTooLarge.Error()):
		return nil, ErrAnswer
	case c.errors.has("out of memory", "cannot allocate memory", "stack exceeds", "stack overflow", "failed to create new OS thread"):
		return nil, ErrMemory
	default:
		return nil, ErrEnded
	}
}

// printedSize is how much is kept of what a child prints, in bytes.
const printedSize = 4 << 10

// printed keeps the beginning of what a child prints: the runtime prints its reason first.
type printed struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (t *printed) Write(text []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.text.Write(text[:min(len(text), printedSize-t.text.Len())])
	return len(text), nil
}

// has reports whether one of these was printed.
func (t *printed) has(parts ...string) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return slices.ContainsFunc(parts, func(part string) bool { return bytes.Contains(t.text.Bytes(), []byte(part)) })
}
