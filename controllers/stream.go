package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// calm is how long a watch may be interrupted before what it feeds counts as out of
// date, and how long it must have run after a failure to count as current again where
// nothing happens. A watch ends every few minutes and is opened again at once.
const calm = 5 * time.Second

// stream is the list and watch requests for one kind. It knows whether they succeed:
// a cache whose watch has failed still answers, with what it knew last, and a list
// made from it is not complete.
type stream struct {
	kind    string
	request reconcile.Request
	// selector is the labels of the objects that are asked for; empty: all.
	selector string

	mu sync.Mutex
	// store is the cache that is fed, as soon as there is one.
	store toolscache.Store
	// current is the watch that was opened last, and opened is when it had told what
	// there is and began to tell of changes; zero, it has not, or has ended.
	current watch.Interface
	opened  time.Time
	// broken is since when the watch has been interrupted, and err is why, unless it
	// just came to its end; zero, it is not.
	broken time.Time
	err    error
	queue  workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// keep takes the cache that the stream feeds.
func (s *stream) keep(store toolscache.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store = store
}

// kept is the cache that the stream feeds.
func (s *stream) kept() toolscache.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store
}

// follow makes an informer's or reflector's requests known to the stream.
func (s *stream) follow(lw toolscache.ListerWatcher) *toolscache.ListWatch {
	inner := toolscache.ToListerWatcherWithContext(lw)
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = s.selector
			list, err := inner.ListWithContext(ctx, options)
			if err != nil {
				s.fail(ctx, nil, err)
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = s.selector
			w, err := inner.WatchWithContext(ctx, options)
			if err != nil {
				s.fail(ctx, nil, err)
				return nil, err
			}
			s.begin(w)
			// A watch may first tell all that there is: until then the cache is as it was.
			tellsAll := options.SendInitialEvents != nil && *options.SendInitialEvents
			if !tellsAll {
				s.open(w)
			}
			return s.listen(ctx, w, tellsAll), nil
		},
	}
}

// listen passes a watch's events on, until it ends.
func (s *stream) listen(ctx context.Context, w watch.Interface, tellsAll bool) watch.Interface {
	events := make(chan watch.Event)
	proxy := watch.NewProxyWatcher(events)
	go func() {
		defer close(events)
		defer w.Stop()
		for {
			select {
			case event, ok := <-w.ResultChan():
				if !ok {
					s.fail(ctx, w, nil)
					return
				}
				select {
				case events <- event:
				case <-proxy.StopChan():
					s.fail(ctx, w, nil)
					return
				}
				switch {
				case event.Type == watch.Error:
					s.fail(ctx, w, apierrors.FromObject(event.Object))
				case !tellsAll:
					s.receive(w)
				case hasToldAll(event):
					tellsAll = false
					s.open(w)
					s.receive(w)
				}
			case <-proxy.StopChan():
				s.fail(ctx, w, nil)
				return
			}
		}
	}()
	return proxy
}

// hasToldAll says whether an event is the one behind all that there is.
func hasToldAll(event watch.Event) bool {
	if event.Type != watch.Bookmark {
		return false
	}
	object, err := apimeta.Accessor(event.Object)
	return err == nil && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

// begin takes a new watch. What becomes of those before it is no news any more.
func (s *stream) begin(w watch.Interface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = w
}

// open says that a watch tells of changes.
func (s *stream) open(w watch.Interface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != w {
		return
	}
	s.opened = time.Now()
	if s.err == nil {
		s.broken = time.Time{}
	}
}

// receive says that a watch has told of a change.
func (s *stream) receive(w watch.Interface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == w && !s.broken.IsZero() {
		s.broken, s.err = time.Time{}, nil
		s.ask()
	}
}

// fail takes the end of a watch, nil where none could be opened, and its cause, nil
// where it just ended.
func (s *stream) fail(ctx context.Context, w watch.Interface, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		err = nil // all objects are listed again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w != nil && s.current != w {
		return
	}
	s.opened = time.Time{}
	if s.broken.IsZero() {
		s.broken = time.Now()
		s.ask()
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	if s.err == nil || s.err.Error() != err.Error() {
		log.FromContext(ctx).Info("A watch failed and is tried again", "kind", s.kind, "reason", err.Error())
	}
	s.err = err
}

// askForPass asks for a pass.
func (s *stream) askForPass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ask()
}

// ask asks for a pass; the stream is locked.
func (s *stream) ask() {
	if s.queue != nil {
		s.queue.Add(s.request)
	}
}

// failure returns why what the stream feeds may be out of date, nil where it is not.
func (s *stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened.IsZero() && time.Since(s.opened) >= calm {
		s.broken, s.err = time.Time{}, nil
	}
	switch {
	case s.broken.IsZero(), time.Since(s.broken) < calm:
		return nil
	case s.err != nil:
		return fmt.Errorf("changes cannot be read: %w", s.err)
	default:
		return errors.New("changes cannot be read: the watch has ended and cannot be opened again")
	}
}

// isInDoubt says whether the watch is interrupted, or has not shown yet that it is not
// any more.
func (s *stream) isInDoubt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.broken.IsZero()
}

// tell says whom to ask for a pass.
func (s *stream) tell(queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = queue
}
