// Package informers watches kinds that the cluster may not serve, and reports whether their
// caches are complete and up to date.
package informers

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// discoveryInterval is how often a kind that the cluster does not serve is looked for.
// Somebody who installs Flux waits longer than this for its pods.
const discoveryInterval = 10 * time.Second

// retryInterval is how often an API server that does not answer is asked again. Each of some ten
// watches does so: client-go's own delay grows to half a minute, which an outage may have lasted.
const retryInterval = time.Second

// State is how far a watch on a kind has come.
type State int

const (
	// Unknown means that the API server was not asked yet, or did not answer.
	Unknown State = iota
	// NotServed means that the API server answered that it does not have the kind.
	NotServed
	// Syncing means that the kind is served, and its objects are not all read yet.
	Syncing
	// InSync means that its objects were all read, and are watched.
	InSync
)

// Options are what an Informer watches.
type Options struct {
	// GVK is the kind, Object an empty object of it, and List an empty list, by which objects that come as JSON
	// are listed directly; nil, they are listed as the cache does it, in small pages.
	GVK    schema.GroupVersionKind
	Object client.Object
	List   client.ObjectList

	// Selector selects the objects by their labels; nil: all.
	Selector labels.Selector
	// Indexers index what the cache keeps of an object.
	Indexers toolscache.Indexers

	// Predicate drops events that ask for no pass.
	Predicate predicate.Predicate
	// Request is what the others ask for.
	Request reconcile.Request

	// SilenceTolerance is how long the watch may send nothing new; zero: the constant of that name.
	SilenceTolerance time.Duration

	// Required kinds are those without which nothing is written.
	Required bool
}

// Informer watches a kind that the cluster may not serve, now or ever. It is a source of the
// controller's requests: it waits for the kind to appear, without holding up the controller's
// start, and reports how far it came.
type Informer struct {
	Options
	*Health

	cluster cluster.Cluster
	ctx     context.Context //nolint:containedctx // the controller's, which Start is given and the requests need
	// lister lists the objects where Options.List is set.
	lister *directLister
	// changes counts the events that passed the predicate.
	changes atomic.Uint64

	mu sync.Mutex
	// store is what the watch fills, and requests are those that it makes.
	store    toolscache.Indexer
	requests *toolscache.ListWatch
	state    State
	detail   string
}

var _ source.Source = &Informer{}

// New returns the informer of a kind.
func New(o Options) *Informer {
	return &Informer{Options: o, Health: newHealth(o.GVK.Kind, o.SilenceTolerance)}
}

// Use sets the cluster that is watched, whose cache the informer fills. It must be called before Start.
func (i *Informer) Use(c cluster.Cluster) {
	i.cluster = c
}

// Start begins to look for the kind; it does not wait.
func (i *Informer) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	i.ctx = ctx
	i.onChange(func() { queue.Add(i.Request) })
	go func() {
		for !i.sync(ctx, queue) {
			interval := discoveryInterval
			if state, _ := i.Progress(); state == Unknown {
				interval = retryInterval
			}
			select {
			case <-time.After(interval):
			case <-ctx.Done():
				return // nobody waits for the kind any more
			}
		}
	}()
	return nil
}

// String names the source in the controller's log.
func (i *Informer) String() string {
	return "kind " + i.GVK.Kind
}

// sync starts the watch if the kind is served, and returns true once all its objects were
// read.
func (i *Informer) sync(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) bool {
	if state, detail := i.discover(); state != Syncing {
		i.set(ctx, state, detail)
		queue.Add(i.Request)
		return false
	}
	i.set(ctx, Syncing, "its objects are not all read yet")
	informer, err := i.informer(ctx)
	if err != nil {
		i.set(ctx, Unknown, err.Error())
		return false
	}
	events := &source.Informer{
		Informer:   informer,
		Handler:    handler.EnqueueRequestsFromMapFunc(i.count),
		Predicates: []predicate.Predicate{i.Predicate},
	}
	if err := events.Start(ctx, queue); err != nil {
		i.set(ctx, Unknown, err.Error())
		return false
	}
	if !toolscache.WaitFor(ctx, "", informer.HasSyncedChecker()) {
		return false
	}
	i.set(ctx, InSync, "")
	queue.Add(i.Request)
	return true
}

// informer returns the cache's informer, which has its requests from Factory.
func (i *Informer) informer(ctx context.Context) (informer cache.Informer, err error) {
	if i.List != nil {
		if i.lister, err = newDirectLister(i.cluster, i.GVK, i.List); err != nil {
			return nil, err
		}
	}
	return i.cluster.GetCache().GetInformer(ctx, i.Object, cache.BlockUntilSynced(false))
}

// count counts a change and returns the request that it asks for. It runs after the cache has
// taken the change and before the request is enqueued, so the pass sees both.
func (i *Informer) count(context.Context, client.Object) []reconcile.Request {
	i.changes.Add(1)
	return []reconcile.Request{i.Request}
}

// discover asks the API server whether it serves the kind.
func (i *Informer) discover() (State, string) {
	mapper := i.cluster.GetRESTMapper()
	_, err := mapper.RESTMapping(i.GVK.GroupKind(), i.GVK.Version)
	switch {
	case err == nil:
		return Syncing, ""
	case !apimeta.IsNoMatchError(err):
		return Unknown, err.Error()
	}
	if other, err := mapper.RESTMapping(i.GVK.GroupKind()); err == nil {
		// There may be objects, and they cannot be read.
		return Unknown, fmt.Sprintf("the cluster serves version %s of it, pinsync reads %s",
			other.GroupVersionKind.Version, i.GVK.Version)
	}
	return NotServed, fmt.Sprintf("the cluster does not serve %s", i.GVK.GroupVersion())
}

// Changes counts the events that passed the predicate: as long as it is the same, so is what the cache
// has.
func (i *Informer) Changes() uint64 { return i.changes.Load() }

// Progress returns how far the watch has come, and why not further.
func (i *Informer) Progress() (State, string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.state, i.detail
}

// IsInSync reports whether all objects were read.
func (i *Informer) IsInSync() bool {
	state, _ := i.Progress()
	return state == InSync
}

// Selects reports whether an object is among those that are watched.
func (i *Informer) Selects(o metav1.Object) bool {
	return i.Selector == nil || i.Selector.Matches(labels.Set(o.GetLabels()))
}

// set changes the state, and logs it where it has changed.
func (i *Informer) set(ctx context.Context, to State, detail string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.state == to && i.detail == detail {
		return
	}
	i.state, i.detail = to, detail
	logger := log.FromContext(ctx).WithValues("kind", i.GVK.Kind, "apiVersion", i.GVK.GroupVersion().String())
	switch {
	case to == InSync:
		logger.Info("Following the kind")
	case to == Syncing:
	case i.Required:
		logger.Info("Nothing is written until the kind can be watched", "reason", detail)
	default:
		logger.Info("Working without the kind until it can be watched", "reason", detail)
	}
}

// setStore sets the store that the watch fills, and its requests.
func (i *Informer) setStore(store toolscache.Indexer, requests *toolscache.ListWatch) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.store, i.requests = store, requests
}

// synced returns the store and the watch's requests once all objects are in it; before, nil.
func (i *Informer) synced() (toolscache.Indexer, *toolscache.ListWatch) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.state != InSync {
		return nil, nil
	}
	return i.store, i.requests
}
