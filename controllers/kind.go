package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"git.oleks.space/oleks/pinsync/controllers/convert"
)

// seekEvery is how often a kind that the cluster does not serve is looked for.
// Somebody who installs Flux waits longer than this for its pods.
const seekEvery = 10 * time.Second

// state is how far a watch on a kind has come.
type state int

const (
	// stateUnknown: the API server was not asked yet, or did not answer.
	stateUnknown state = iota
	// stateNotServed: the API server answered that it does not have the kind.
	stateNotServed
	// stateSyncing: the kind is there, its objects are not all read yet.
	stateSyncing
	// stateInSync: its objects were all read, and are followed.
	stateInSync
)

// kind is a watch on one kind of object that may not exist in the cluster, now
// or ever. It is a source of the controller's requests: it waits for the kind
// to appear, without holding up the controller's start, and says how far it came.
type kind struct {
	object    client.Object
	gvk       schema.GroupVersionKind
	predicate predicate.Predicate
	// list is an empty list of the kind, and selector the labels of those that are followed;
	// nil: all.
	list     client.ObjectList
	selector labels.Selector
	// required kinds are those without which no list is written.
	required bool

	cache  cache.Cache
	mapper apimeta.RESTMapper
	// request is what is asked for when the watch has come further, onEvent when it has
	// told of a change.
	request, onEvent reconcile.Request
	// stream is what feeds the cache.
	stream *stream

	mu     sync.Mutex
	state  state
	detail string
}

var _ source.Source = &kind{}

// Start begins to look for the kind; it does not wait.
func (k *kind) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	k.stream.tell(queue)
	go func() {
		// The error is the context's: nobody waits for the kind any more.
		_ = wait.PollUntilContextCancel(ctx, seekEvery, true, func(ctx context.Context) (bool, error) {
			return k.follow(ctx, queue), nil
		})
	}()
	return nil
}

// String names the source in the controller's log.
func (k *kind) String() string {
	return "kind " + k.gvk.Kind
}

// follow starts the watch if the kind is there, and returns true once all its
// objects were read.
func (k *kind) follow(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) bool {
	if at, detail := k.look(); at != stateSyncing {
		k.set(ctx, at, detail)
		queue.Add(k.request)
		return false
	}
	k.set(ctx, stateSyncing, "its objects are not all read yet")
	informer, err := k.cache.GetInformer(ctx, k.object, cache.BlockUntilSynced(false))
	if err != nil {
		k.set(ctx, stateUnknown, err.Error())
		return false
	}
	events := &source.Informer{
		Informer: informer,
		Handler: handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
			return []reconcile.Request{k.onEvent}
		}),
		Predicates: []predicate.Predicate{k.predicate},
	}
	if err := events.Start(ctx, queue); err != nil {
		k.set(ctx, stateUnknown, err.Error())
		return false
	}
	if !toolscache.WaitFor(ctx, "", informer.HasSyncedChecker()) {
		return false
	}
	k.set(ctx, stateInSync, "")
	queue.Add(k.request)
	return true
}

// look asks the API server whether it has the kind.
func (k *kind) look() (state, string) {
	_, err := k.mapper.RESTMapping(k.gvk.GroupKind(), k.gvk.Version)
	switch {
	case err == nil:
		return stateSyncing, ""
	case !apimeta.IsNoMatchError(err):
		return stateUnknown, err.Error()
	}
	if other, err := k.mapper.RESTMapping(k.gvk.GroupKind()); err == nil {
		// There may be objects, and they cannot be read.
		return stateUnknown, fmt.Sprintf("the cluster serves %s of it, pinsync reads %s",
			other.GroupVersionKind.Version, k.gvk.Version)
	}
	return stateNotServed, fmt.Sprintf("the cluster does not serve %s", k.gvk.GroupVersion())
}

// progress returns how far the watch has come, and why not further.
func (k *kind) progress() (state, string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state, k.detail
}

// isInSync says whether all objects were read.
func (k *kind) isInSync() bool {
	at, _ := k.progress()
	return at == stateInSync
}

// set changes the state, and logs it where it is news.
func (k *kind) set(ctx context.Context, to state, detail string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == to && k.detail == detail {
		return
	}
	k.state, k.detail = to, detail
	logger := log.FromContext(ctx).WithValues("kind", k.gvk.Kind, "apiVersion", k.gvk.GroupVersion().String())
	switch {
	case to == stateInSync:
		logger.Info("Following the kind")
	case to == stateSyncing:
	case k.required:
		logger.Info("Nothing is written until the kind can be followed", "reason", detail)
	default:
		logger.Info("Working without the kind until it can be followed", "reason", detail)
	}
}

// keptOf returns a kind's objects as the cache keeps them; none where it is not in sync.
func keptOf[T any](k *kind) []*convert.Kept[T] {
	if !k.isInSync() {
		return nil
	}
	objects := k.stream.kept().List()
	result := make([]*convert.Kept[T], 0, len(objects))
	for _, object := range objects {
		if kept, is := object.(*convert.Kept[T]); is {
			result = append(result, kept)
		}
	}
	return result
}

// liveOf reads a kind's objects from the API server, and returns them as the cache would
// keep them.
func liveOf[T any](ctx context.Context, live client.Reader, k *kind) ([]*convert.Kept[T], error) {
	var result []*convert.Kept[T]
	keep := convert.Keep(true)
	err := eachPage(ctx, live, k.list, func(o client.Object) error {
		object, err := keep(o)
		if kept, is := object.(*convert.Kept[T]); is {
			result = append(result, kept)
		}
		return err
	}, k.selected()...)
	return result, err
}

// selected limits a list to those objects that are followed.
func (k *kind) selected() []client.ListOption {
	if k.selector == nil {
		return nil
	}
	return []client.ListOption{client.MatchingLabelsSelector{Selector: k.selector}}
}

// follows says whether an object is among those that are followed.
func (k *kind) follows(o client.Object) bool {
	return k.selector == nil || k.selector.Matches(labels.Set(o.GetLabels()))
}
