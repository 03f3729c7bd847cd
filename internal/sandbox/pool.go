package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// What a request did to its child. The request is at fault, not the program.
var (
	ErrTime   = errors.New("took too long")
	ErrMemory = errors.New("took too much memory")
	ErrAnswer = errors.New("gave an answer that is too large")
	ErrEnded  = errors.New("ended the process")
)

// maxRequests is how many requests a child serves: what it holds on to is bounded.
const maxRequests = 1000

// Pool has children, at most a number of them at a time, and hands requests to them. It may be used
// by several goroutines.
type Pool struct {
	command []string
	limits  Limits
	// places has an entry for every child that may run, and idle those that wait for a request.
	places chan struct{}
	mutex  sync.Mutex
	idle   []*child
}

// NewPool returns a pool of so many children, which starts them when they are needed. The command
// must call Serve with the same limits.
func NewPool(size int, limits Limits, command ...string) *Pool {
	return &Pool{command: command, limits: limits, places: make(chan struct{}, size)}
}

// Do returns the answer to a request. An error that is one of this package's is the request's own
// fault; after any error the next request gets a new child.
func (p *Pool) Do(ctx context.Context, request []byte) ([]byte, error) {
	if len(request) > p.limits.Request {
		return nil, fmt.Errorf("the request %w", errTooLarge)
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	answer, isFirst, err := p.try(ctx, request)
	// What the child did before takes memory, too, and it or the kernel may have ended the child.
	if (errors.Is(err, ErrEnded) || errors.Is(err, ErrMemory)) && !isFirst {
		answer, _, err = p.try(ctx, request)
	}
	return answer, p.limits.describe(err)
}

// try hands a request to a child, and reports whether it is the child's first.
func (p *Pool) try(ctx context.Context, request []byte) (answer []byte, isFirst bool, err error) {
	c, err := p.take()
	if err != nil {
		return nil, true, err
	}
	isFirst = c.served == 0
	ctx, cancel := context.WithTimeoutCause(ctx, p.limits.Time, ErrTime)
	defer cancel()
	answer, err = c.do(ctx, request, p.limits.Answer)
	if err != nil || c.served >= maxRequests {
		c.kill()
		return answer, isFirst, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.idle = append(p.idle, c)
	return answer, isFirst, nil
}

// take returns a child that waits for a request.
func (p *Pool) take() (*child, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	return start(p.command)
}

// Close ends the children that wait for a request.
func (p *Pool) Close() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, c := range p.idle {
		c.kill()
	}
	p.idle = nil
}

// describe adds to an error what the limit is that it is about.
func (l *Limits) describe(err error) error {
	switch {
	case errors.Is(err, ErrTime):
		return fmt.Errorf("%w: more than %s", err, l.Time.Round(time.Millisecond))
	case errors.Is(err, ErrMemory):
		return fmt.Errorf("%w: more than %d MiB", err, l.Memory>>20)
	case errors.Is(err, ErrAnswer):
		return fmt.Errorf("%w: more than %d bytes", err, l.Answer)
	default:
		return err
	}
}
