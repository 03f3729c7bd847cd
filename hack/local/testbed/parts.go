package testbed

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
)

// Parts are what a run has started, and stops at its end.
type Parts struct {
	mu    sync.Mutex
	stops []func() error
}

// Begin starts a part, and adds what stops it. Parts may be started at the same time.
func Begin[T any](ctx context.Context, p *Parts, part *T, start func(context.Context) (T, error), stop func(T) error) error {
	started, err := start(ctx)
	if err != nil {
		return err
	}
	*part = started
	p.Add(func() error { return stop(started) })
	return nil
}

// Folder creates a folder that is removed at the end.
func (p *Parts) Folder(pattern string) (string, error) {
	folder, err := os.MkdirTemp("", pattern)
	if err == nil {
		p.Add(func() error { return os.RemoveAll(folder) })
	}
	return folder, err
}

// Add adds what stops a part.
func (p *Parts) Add(stop func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stops = append(p.stops, stop)
}

// Stop stops what was started, the last first.
func (p *Parts) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, stop := range slices.Backward(p.stops) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}
