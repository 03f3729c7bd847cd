package informers

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
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// OutageTolerance is how long a watch may be interrupted before its cache counts as out of
// date, and how long it must have run after a failure to count as current again where nothing
// changes. A watch ends every few minutes and is opened again at once.
const OutageTolerance = 5 * time.Second

// Health reports whether the list and watch requests for a kind succeed: a cache whose watch
// has failed still answers, with what it knew last. The zero value is that of a watch that was
// not opened yet, and counts as healthy.
type Health struct {
	kind string

	mu sync.Mutex
	// changed is called, with the lock held, when a pass is needed because the health has
	// changed; nil before the controller starts.
	changed func()
	// current is the watch that was opened last, and opened is when it had sent the initial
	// objects; zero, it has not, or has ended.
	current watch.Interface
	opened  time.Time
	// broken is since when the watch has been interrupted, and err is why, unless it just
	// came to its end; zero, it is not.
	broken time.Time
	err    error
}

// onChange sets what is called when the health has changed.
func (h *Health) onChange(changed func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed = changed
}

// observe returns the requests of an informer or reflector, whose outcome is then known here.
func (h *Health) observe(lw toolscache.ListerWatcher) *toolscache.ListWatch {
	inner := toolscache.ToListerWatcherWithContext(lw)
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := inner.ListWithContext(ctx, options)
			if err != nil {
				h.fail(ctx, nil, err)
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := inner.WatchWithContext(ctx, options)
			if err != nil {
				h.fail(ctx, nil, err)
				return nil, err
			}
			h.begin(w)
			// A watch may send all objects first: until it has, the cache is as it was.
			initialEvents := options.SendInitialEvents != nil && *options.SendInitialEvents
			if !initialEvents {
				h.open(w)
			}
			return h.forward(ctx, w, initialEvents), nil
		},
	}
}

// forward passes a watch's events on, until it ends.
func (h *Health) forward(ctx context.Context, w watch.Interface, initialEvents bool) watch.Interface {
	events := make(chan watch.Event)
	proxy := watch.NewProxyWatcher(events)
	go func() {
		defer close(events)
		defer w.Stop()
		for {
			select {
			case event, ok := <-w.ResultChan():
				if !ok {
					h.fail(ctx, w, nil)
					return
				}
				select {
				case events <- event:
				case <-proxy.StopChan():
					h.fail(ctx, w, nil)
					return
				}
				switch {
				case event.Type == watch.Error:
					h.fail(ctx, w, apierrors.FromObject(event.Object))
				case !initialEvents:
					h.receive(w)
				case endsInitialEvents(event):
					initialEvents = false
					h.open(w)
					h.receive(w)
				}
			case <-proxy.StopChan():
				h.fail(ctx, w, nil)
				return
			}
		}
	}()
	return proxy
}

// endsInitialEvents reports whether an event is the bookmark after the initial objects.
func endsInitialEvents(event watch.Event) bool {
	if event.Type != watch.Bookmark {
		return false
	}
	object, err := apimeta.Accessor(event.Object)
	return err == nil && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

// begin makes a watch the current one: the end of an earlier one means nothing any more.
func (h *Health) begin(w watch.Interface) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = w
}

// open notes that a watch sends changes from now on.
func (h *Health) open(w watch.Interface) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current != w {
		return
	}
	h.opened = time.Now()
	if h.err == nil {
		h.broken = time.Time{}
	}
}

// receive notes that a watch has sent a change.
func (h *Health) receive(w watch.Interface) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == w && !h.broken.IsZero() {
		h.broken, h.err = time.Time{}, nil
		h.notify()
	}
}

// fail notes that a request has failed, or that a watch has ended, with or without an error.
func (h *Health) fail(ctx context.Context, w watch.Interface, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		err = nil // all objects are listed again
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if w != nil && h.current != w {
		return
	}
	h.opened = time.Time{}
	if h.broken.IsZero() {
		h.broken = time.Now()
		h.notify()
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	if h.err == nil || h.err.Error() != err.Error() {
		log.FromContext(ctx).Info("A watch failed and is tried again", "kind", h.kind, "reason", err.Error())
	}
	h.err = err
}

// notify reports a change; the lock is held.
func (h *Health) notify() {
	if h.changed != nil {
		h.changed()
	}
}

// Failure returns why the cache may be out of date, nil where it is not.
func (h *Health) Failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.opened.IsZero() && time.Since(h.opened) >= OutageTolerance {
		h.broken, h.err = time.Time{}, nil
	}
	switch {
	case h.broken.IsZero(), time.Since(h.broken) < OutageTolerance:
		return nil
	case h.err != nil:
		return fmt.Errorf("changes cannot be read: %w", h.err)
	default:
		return errors.New("changes cannot be read: the watch has ended and cannot be opened again")
	}
}

// IsInterrupted reports whether the watch is interrupted, or has not shown since its last
// failure that it works.
func (h *Health) IsInterrupted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.broken.IsZero()
}
