package informers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// OutageTolerance is how long a watch may be interrupted before its cache counts as out of
// date, and how long it must have run after a failure to count as current again where nothing
// changes. A watch ends every few minutes and is opened again at once.
const OutageTolerance = 5 * time.Second

// Health reports whether a cache is current, by the list and watch requests for its kind: a cache
// whose watch has failed, or is silent, still answers, with what it knew last. One whose watch was
// not opened yet counts as current.
type Health struct {
	kind string

	mu sync.Mutex
	// changed is called, with the lock held, when a pass is needed because the health has
	// changed; nil before the controller starts.
	changed func()
	// current is the watch that was opened last, and opened is when it was; zero, it has ended.
	current watch.Interface
	opened  time.Time
	// broken is since when the watch has been interrupted, and err is why, unless it just
	// came to its end; zero, it is not.
	broken time.Time
	err    error
	// listing is when the list was requested that the next watch begins after; zero, it begins
	// where the last one has ended.
	listing  time.Time
	evidence evidence
}

// newHealth returns the health of a cache of that kind; a tolerance of zero is SilenceTolerance.
func newHealth(kind string, tolerance time.Duration) *Health {
	return &Health{kind: kind, evidence: evidence{tolerance: cmp.Or(tolerance, SilenceTolerance)}}
}

// onChange sets what is called when the health has changed.
func (h *Health) onChange(changed func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed = changed
}

// observe returns the requests of an informer or reflector that ends with ctx, whose outcome is then
// known here. It lists all objects consistently, converted: a reflector would take what the watch
// cache of the API server has, however old.
func (h *Health) observe(ctx context.Context, lw toolscache.ListerWatcher, keep toolscache.TransformFunc) listWatch {
	inner := toolscache.ToListerWatcherWithContext(lw)
	return listWatch{&toolscache.ListWatch{
		// A reflector lists with a context that never ends.
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return untilAnswered(ctx, h, func() (runtime.Object, error) {
				h.list()
				return listAll(ctx, inner.ListWithContext, keep)
			})
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if !h.mayContinue() {
				return nil, apierrors.NewResourceExpired("nothing has shown for long what the watch should send")
			}
			w, err := untilAnswered(ctx, h, func() (watch.Interface, error) { return inner.WatchWithContext(ctx, options) })
			if err != nil {
				return nil, err
			}
			h.open(w, options.ResourceVersion)
			return h.forward(ctx, w, inner), nil
		},
	}}
}

// untilAnswered makes a request until the API server has answered it, so that it is made soon after an
// outage. What fails is noted. An answer can be an error, which is returned.
func untilAnswered[T any](ctx context.Context, h *Health, request func() (T, error)) (T, error) {
	for {
		answer, err := request()
		if err == nil {
			return answer, nil
		}
		h.fail(ctx, nil, err)
		if status := apierrors.APIStatus(nil); errors.As(err, &status) && status.Status().Code < http.StatusInternalServerError {
			return answer, err
		}
		select {
		case <-time.After(wait.Jitter(retryInterval, 1)):
		case <-ctx.Done():
			return answer, err
		}
	}
}

// list notes that a list of all objects is requested.
func (h *Health) list() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listing = time.Now()
}

// mayContinue reports whether a watch may begin where the last one has ended, or after a list.
// Where nothing has shown for long that the last one sent all changes, all objects are read.
func (h *Health) mayContinue() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.listing.IsZero() || h.evidence.age(time.Now()) < h.evidence.tolerance
}

// open notes that a watch sends changes after a resource version from now on. The end of an earlier
// one means nothing any more.
func (h *Health) open(w watch.Interface, version string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current, h.opened = w, time.Now()
	if !h.listing.IsZero() {
		h.evidence.readAll(h.opened, h.listing, version)
		h.listing = time.Time{}
	}
	if h.err == nil {
		h.broken = time.Time{}
	}
}

// receive notes that a watch has sent an event or a bookmark. It returns false where the watch is
// to be opened again, because its bookmarks are older than what was read from the API server.
func (h *Health) receive(ctx context.Context, w watch.Interface, version string, isBookmark bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current != w {
		return true
	}
	now := time.Now()
	wasHealthy := h.broken.IsZero() && !h.evidence.isOutdated(now)
	h.evidence.read(now, version)
	h.broken, h.err = time.Time{}, nil
	if !wasHealthy {
		h.notify()
	}
	if isBookmark && h.evidence.isBehind(now, version) {
		log.FromContext(ctx).Info("A watch is behind a list, and is opened again", "kind", h.kind)
		return false
	}
	return true
}

// due returns what is to be done about a watch that sends nothing new, and when to ask again.
func (h *Health) due() (step, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	step, next := h.evidence.next(time.Now())
	if step == report {
		h.notify()
	}
	return step, next
}

// listed notes which resource version the consistent list returned.
func (h *Health) listed(version string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.evidence.listed(time.Now(), version)
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
	case h.isBroken() && h.err != nil:
		return fmt.Errorf("changes cannot be read: %w", h.err)
	case h.evidence.isOutdated(time.Now()):
		return fmt.Errorf("changes may be missing: the watch has sent no event and no newer bookmark for more than %s, and is opened again",
			2*h.evidence.tolerance)
	case h.isBroken():
		return errors.New("changes cannot be read: the watch has ended and cannot be opened again")
	default:
		return nil
	}
}

// isBroken reports whether the watch has been interrupted for too long; the lock is held.
func (h *Health) isBroken() bool {
	return !h.broken.IsZero() && time.Since(h.broken) >= OutageTolerance
}

// IsInterrupted reports whether the watch is interrupted or silent, or has not shown since its
// last failure that it works.
func (h *Health) IsInterrupted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.broken.IsZero() || h.evidence.isOutdated(time.Now())
}
