package controllers

import (
	"context"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// watchErrors knows which watches have failed and not succeeded since. A cache
// whose watch has failed still answers, with what it knew last: a list made from
// it is not complete.
type watchErrors struct {
	mu     sync.Mutex
	failed map[*toolscache.Reflector]watchError
	// changed is called when a watch begins to fail.
	changed func()
}

// onChange sets what is called when a watch begins to fail.
func (w *watchErrors) onChange(changed func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = changed
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

func newWatchErrors() *watchErrors {
	return &watchErrors{failed: map[*toolscache.Reflector]watchError{}, changed: func() {}}
}

// handle takes a watch's failure. It is called for each attempt, and logs the
// first.
func (w *watchErrors) handle(ctx context.Context, reflector *toolscache.Reflector, err error) {
	w.mu.Lock()
	before, isFailing := w.failed[reflector]
	changed := w.changed
	w.failed[reflector] = watchError{version: reflector.LastSyncResourceVersion(), err: err, at: time.Now()}
	w.mu.Unlock()
	if !isFailing || before.err.Error() != err.Error() {
		log.FromContext(ctx).Info("A watch failed and is tried again",
			"kind", reflector.TypeDescription(), "reason", err.Error())
		changed()
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
