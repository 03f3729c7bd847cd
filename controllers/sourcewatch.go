package controllers

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// sourceWatch follows the changes of all ConfigMaps, or Secrets, of the cluster,
// their metadata only, and keeps none of them: it asks for a new pass when a
// source changed that some release takes values from. It begins when the first
// release does.
type sourceWatch struct {
	kind     sourceKind
	metadata metadata.Interface
	sources  *sources
	request  reconcile.Request
	stream   *stream

	ctx   context.Context //nolint:containedctx // the controller's, which Start is given and begin needs
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	once  sync.Once

	mu     sync.Mutex
	inSync bool
}

// Start gets what the watch needs once it begins.
func (w *sourceWatch) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.ctx, w.queue = ctx, queue
	w.stream.tell(queue)
	return nil
}

// String names the source in the controller's log.
func (w *sourceWatch) String() string {
	return "values from kind " + string(w.kind)
}

// begin starts the watch, the first time that it is called, and says whether it
// has seen all objects since.
func (w *sourceWatch) begin() bool {
	w.once.Do(func() {
		resource := w.metadata.Resource(corev1.SchemeGroupVersion.WithResource(w.kind.resource()))
		reflector := toolscache.NewReflectorWithOptions(w.stream.follow(&toolscache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				return resource.List(ctx, options)
			},
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				return resource.Watch(ctx, options)
			},
		}), &metav1.PartialObjectMetadata{}, w, toolscache.ReflectorOptions{Name: w.String()})
		go reflector.RunWithContext(w.ctx)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inSync
}

// The methods below make it the store of a reflector, one that stores nothing.

// Add takes an object that is new.
func (w *sourceWatch) Add(object any) error { return w.told(w.sources.changed(w.kind, object, false)) }

// Update takes an object that has changed.
func (w *sourceWatch) Update(object any) error {
	return w.told(w.sources.changed(w.kind, object, false))
}

// Delete takes an object that is gone.
func (w *sourceWatch) Delete(object any) error {
	return w.told(w.sources.changed(w.kind, object, true))
}

// Replace takes all objects that there are.
func (w *sourceWatch) Replace(objects []any, _ string) error {
	changed := w.sources.replaced(w.kind, objects)
	w.mu.Lock()
	first := !w.inSync
	w.inSync = true
	w.mu.Unlock()
	return w.told(changed || first)
}

// Resync does nothing: there is nothing stored.
func (w *sourceWatch) Resync() error { return nil }

func (w *sourceWatch) told(changed bool) error {
	if changed {
		w.queue.Add(w.request)
	}
	return nil
}
