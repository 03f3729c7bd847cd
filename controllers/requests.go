package controllers

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// requests ask for passes because of what was read beside them.
type requests struct {
	events chan event.GenericEvent

	mu sync.Mutex
	// later asks when its time is over; nil, that is not to come.
	later *time.Timer
}

func newRequests() *requests { return &requests{events: make(chan event.GenericEvent, 1)} }

// ask asks for a pass. Those that were not made yet are one.
func (r *requests) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.later != nil {
		r.later.Stop()
		r.later = nil
	}
	select {
	case r.events <- event.GenericEvent{Object: metadataOf("ConfigMap")}:
	default:
	}
}

// askLater asks for a pass a little later, so that what is read until then costs one pass.
func (r *requests) askLater() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.later == nil {
		r.later = time.AfterFunc(2*minWriteInterval, r.ask)
	}
}

// source returns the requests as a source of the controller's.
func (r *requests) source(request reconcile.Request) source.Source {
	return source.Channel(r.events, handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{request}
	}))
}
