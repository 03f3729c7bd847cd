package controllers

import (
	"cmp"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// passes knows when a pass has finished last, and fails the process's liveness probe where none
// has for too long. A pass that fails has finished, too: a restart does not bring the API server
// back.
type passes struct {
	// elected is closed when this replica becomes the leader, and ready returns an error until the
	// caches are synced: before, no pass is due.
	elected <-chan struct{}
	ready   func(*http.Request) error
	// limit is how long it may take from the end of a pass to that of the next.
	limit time.Duration

	// mu is not the reconciler's, which a pass holds.
	mu sync.Mutex
	// last is when a pass has finished last, or when one became due.
	last time.Time
	// isFrozen is true once it was logged that no pass finishes.
	isFrozen bool
}

// finish notes that a pass has finished.
func (p *passes) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

// live returns an error where a pass is due and none has finished for too long.
func (p *passes) live(request *http.Request) error {
	select {
	case <-p.elected:
	default:
		return nil
	}
	if p.ready(request) != nil {
		return nil // the readiness probe returns the error
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = cmp.Or(p.last, time.Now())
	age := time.Since(p.last)
	wasFrozen := p.isFrozen
	p.isFrozen = age > p.limit
	if !p.isFrozen {
		return nil
	}
	err := fmt.Errorf("no pass has finished for %s, one is due every %s", age.Round(time.Second), p.limit)
	if !wasFrozen {
		log.FromContext(request.Context()).Error(err, "The liveness probe fails, so that the container is restarted")
	}
	return err
}
