package controllers

import (
	"context"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// watchErrors knows which watches have failed and not succeeded since. A cache
// whose watch has failed still answers, with what it knew last: a list made from
// it is not complete. It is a source of the controller: a pass is due when a watch
// begins to fail.
type watchErrors struct {
	request reconcile.Request

	mu     sync.Mutex
	failed map[*toolscache.Reflector]watchError
	queue  workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// quiet is how long a watch must not have failed to count as current again, where
// nothing else tells. Failed watches are tried again after at most a minute.
const quiet = 90 * time.Second

// watchError is the last failure of a watch, and the version that it had come to.
type watchError struct {
	version string
	err     error
	at      time.Time
}

func newWatchErrors(request reconcile.Request) *watchErrors {
	return &watchErrors{request: request, failed: map[*toolscache.Reflector]watchError{}}
}

// Start gets the queue that a failure is told to.
func (w *watchErrors) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = queue
	return nil
}

// String names the source in the controller's log.
func (w *watchErrors) String() string {
	return "failing watches"
}

// handle takes a watch's failure. It is called for each attempt, and logs the
// first.
func (w *watchErrors) handle(ctx context.Context, reflector *toolscache.Reflector, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, isFailing := w.failed[reflector]
	w.failed[reflector] = watchError{version: reflector.LastSyncResourceVersion(), err: err, at: time.Now()}
	if isFailing && before.err.Error() == err.Error() {
		return
	}
	log.FromContext(ctx).Info("A watch failed and is tried again",
		"kind", reflector.TypeDescription(), "reason", err.Error())
	if w.queue != nil {
		w.queue.Add(w.request)
	}
}

// of returns the failures that are not over, by the type that is watched.
func (w *watchErrors) of() map[string]error {
	w.mu.Lock()
	defer w.mu.Unlock()
	failures := map[string]error{}
	for reflector, failure := range w.failed {
		// A watch that goes on comes to other versions, if its kind is not idle.
		if reflector.LastSyncResourceVersion() != failure.version || time.Since(failure.at) > quiet {
			delete(w.failed, reflector)
			continue
		}
		failures[reflector.TypeDescription()] = failure.err
	}
	return failures
}
