package controllers

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// requests ask for passes because of what was read beside them.
type requests struct {
	events chan event.GenericEvent
	// limiter limits how many are asked for at once: what is read again and again, because the caches are
	// behind, makes no pass after the other.
	limiter *rate.Limiter

	mu sync.Mutex
	// later asks when its time is over; nil, that is not to come.
	later *time.Timer
}

func newRequests() *requests {
	return &requests{events: make(chan event.GenericEvent, 1), limiter: rate.NewLimiter(rate.Every(minWriteInterval), 5)}
}

// ask asks for a pass. Those that were not made yet are one.
func (r *requests) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limiter.Allow() {
		r.send()
	} else {
		r.delay()
	}
}

// askLater asks for a pass a little later, so that what is read until then costs one pass.
func (r *requests) askLater() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay()
}

// delay sends a request a little later; the lock is held.
func (r *requests) delay() {
	if r.later == nil {
		r.later = time.AfterFunc(2*minWriteInterval, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.send()
		})
	}
}

// send sends a request, and none later; the lock is held.
func (r *requests) send() {
	if r.later != nil {
		r.later.Stop()
		r.later = nil
	}
	select {
	case r.events <- event.GenericEvent{Object: metadataOf("ConfigMap")}:
	default:
	}
}

// source returns the requests as a source of the controller's.
func (r *requests) source(request reconcile.Request) source.Source {
	return source.Channel(r.events, handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{request}
	}))
}
