package controllers

import (
	"context"
	"sync/atomic"
	"time"
)

// namespaceTimeout is how long reading what one namespace has may take.
const namespaceTimeout = 30 * time.Second

// background reads beside the passes what they do not wait for: how long it takes depends on what
// tenants have in their namespaces.
type background struct {
	isBusy atomic.Bool
}

// start calls read for the first of the namespaces that next returns, until there is none, unless the
// last call still runs. Those that are left when the time of a pass is over are read another time.
// Passes are asked for meanwhile, and at once when it has ended: that one starts it again if something
// became due at the last moment. They are nil where what read does makes events, and a pass before these
// would do it again.
func (b *background) start(ctx context.Context, passes *requests, next func() []string, read readNamespace) {
	if len(next()) == 0 || !b.isBusy.CompareAndSwap(false, true) {
		return
	}
	go func() {
		began := time.Now()
		for namespaces := next(); len(namespaces) > 0 && ctx.Err() == nil && time.Since(began) < passTimeout; namespaces = next() {
			read(ctx, namespaces[0])
			if passes != nil {
				passes.askLater()
			}
		}
		b.isBusy.Store(false)
		if passes != nil {
			passes.ask()
		}
	}()
}

// readNamespace reads what one namespace has.
type readNamespace func(ctx context.Context, namespace string)

// limited returns a read that takes no longer than namespaceTimeout.
func limited(read readNamespace) readNamespace {
	return func(ctx context.Context, namespace string) {
		ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
		defer cancel()
		read(ctx, namespace)
	}
}
