package informers

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// ValuesFromCache keeps the ConfigMaps and Secrets that releases take values from, and is
// notified of changes of all that there are.
type ValuesFromCache interface {
	// Change notes that an object is not of the version that the cache has, or is deleted,
	// and reports whether it is.
	Change(kind string, object any, deleted bool) bool
	// Replace notes which objects of a kind are not among these, in the version that the
	// cache has, and reports whether there are any.
	Replace(kind string, objects []any) bool
}

// ValuesFromWatch watches the metadata of all ConfigMaps, or Secrets, of the cluster, and
// keeps none of it: it asks for a pass when an object has changed that a release takes values
// from. It begins when the first release does.
type ValuesFromWatch struct {
	*Health

	// Kind is ConfigMap or Secret.
	Kind     string
	metadata metadata.ResourceInterface
	cache    ValuesFromCache
	request  reconcile.Request

	ctx   context.Context //nolint:containedctx // the controller's, which Start is given and Begin needs
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	once  sync.Once

	mu     sync.Mutex
	inSync bool
}

var _ source.Source = &ValuesFromWatch{}

// NewValuesFromWatch returns the watch on a kind, which reports changes to the cache. It may send
// nothing new for so long; zero: SilenceTolerance.
func NewValuesFromWatch(
	kind string, c metadata.Interface, cache ValuesFromCache, request reconcile.Request, silenceTolerance time.Duration,
) *ValuesFromWatch {
	resource, _ := apimeta.UnsafeGuessKindToResource(corev1.SchemeGroupVersion.WithKind(kind))
	return &ValuesFromWatch{
		Health: newHealth("valuesFrom "+kind, silenceTolerance), Kind: kind,
		metadata: c.Resource(resource), cache: cache, request: request,
	}
}

// Start gets what the watch needs once it begins.
func (w *ValuesFromWatch) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.ctx, w.queue = ctx, queue
	w.onChange(func() { queue.Add(w.request) })
	return nil
}

// String names the source in the controller's log.
func (w *ValuesFromWatch) String() string {
	return "values from kind " + w.Kind
}

// Begin starts the watch, the first time that it is called, and reports whether it has seen all
// objects since.
func (w *ValuesFromWatch) Begin() bool {
	w.once.Do(func() {
		reflector := toolscache.NewReflectorWithOptions(w.observe(w.ctx, &toolscache.ListWatch{
			ListWithContextFunc: inSmallPages(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				return w.metadata.List(ctx, options)
			}),
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				return w.metadata.Watch(ctx, options)
			},
		}, keepVersion), &metav1.PartialObjectMetadata{}, reflectorStore{w}, toolscache.ReflectorOptions{Name: w.String()})
		go reflector.RunWithContext(w.ctx)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inSync
}

// keepVersion keeps of an object its name and its version.
func keepVersion(object any) (any, error) {
	o, err := apimeta.Accessor(object)
	if err != nil {
		return nil, err
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: o.GetNamespace(), Name: o.GetName(), ResourceVersion: o.GetResourceVersion(),
	}}, nil
}

// reflectorStore is the store of the watch's reflector; it stores nothing.
type reflectorStore struct{ *ValuesFromWatch }

// Add takes an object that is new.
func (s reflectorStore) Add(object any) error {
	return s.enqueue(s.cache.Change(s.Kind, object, false))
}

// Update takes an object that has changed.
func (s reflectorStore) Update(object any) error {
	return s.enqueue(s.cache.Change(s.Kind, object, false))
}

// Delete takes an object that is deleted.
func (s reflectorStore) Delete(object any) error {
	return s.enqueue(s.cache.Change(s.Kind, object, true))
}

// Replace takes all objects that there are.
func (s reflectorStore) Replace(objects []any, _ string) error {
	changed := s.cache.Replace(s.Kind, objects)
	s.mu.Lock()
	first := !s.inSync
	s.inSync = true
	s.mu.Unlock()
	return s.enqueue(changed || first)
}

// Resync does nothing: nothing is stored.
func (s reflectorStore) Resync() error { return nil }

func (s reflectorStore) enqueue(changed bool) error {
	if changed {
		s.queue.Add(s.request)
	}
	return nil
}
