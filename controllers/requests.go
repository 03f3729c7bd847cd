package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// requests ask for passes because of what was read beside them.
type requests chan event.GenericEvent

func newRequests() requests { return make(requests, 1) }

// ask asks for a pass. Those that were not made yet are one.
func (r requests) ask() {
	select {
	case r <- event.GenericEvent{Object: metadataOf("ConfigMap")}:
	default:
	}
}

// source returns the requests as a source of the controller's.
func (r requests) source(request reconcile.Request) source.Source {
	return source.Channel(r, handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{request}
	}))
}
