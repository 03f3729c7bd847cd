package controllers

import (
	"context"
	"sync/atomic"
)

// background reads beside the passes what they do not wait for: how long it takes depends on what
// tenants have in their namespaces.
type background struct {
	isBusy atomic.Bool
}

// start calls read, unless the last call still runs. It is cancelled as a pass would be.
func (b *background) start(ctx context.Context, read func(context.Context)) {
	if !b.isBusy.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer b.isBusy.Store(false)
		ctx, cancel := context.WithTimeout(ctx, passTimeout)
		defer cancel()
		read(ctx)
	}()
}
