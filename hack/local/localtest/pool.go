package localtest

import (
	"context"
	"sync"
	"testing"
)

// Pool is what tests that run beside each other share: each has one of it for its time.
type Pool[T any] struct {
	// Start starts another one, which outlives the test that needs it first.
	Start func(context.Context) (T, error)

	mu   sync.Mutex
	free []T
}

// Take returns one for the time of a test. It starts another one if none is free.
func (p *Pool[T]) Take(t testing.TB) T {
	t.Helper()
	taken, ok := p.takeFree()
	if !ok {
		var err error
		taken, err = p.Start(t.Context())
		Must(t, err)
	}
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, taken)
	})
	return taken
}

func (p *Pool[T]) takeFree() (taken T, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return taken, false
	}
	taken, p.free = p.free[last], p.free[:last]
	return taken, true
}
