package controllers_test

import (
	"errors"
	"sync"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// planes are the control planes with Flux's kinds that the tests share: each has one test at a time,
// because a controller sees all releases of its cluster.
var planes planePool

type planePool struct {
	mu        sync.Mutex
	free, all []*local.ControlPlane
}

// take returns a control plane for the time of a test. It starts one if none is free.
func (p *planePool) take(t *testing.T) *local.ControlPlane {
	t.Helper()
	plane := p.takeFree()
	if plane == nil {
		plane = p.start(t)
	}
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, plane)
	})
	return plane
}

func (p *planePool) takeFree() (plane *local.ControlPlane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.free) - 1; last >= 0 {
		plane, p.free = p.free[last], p.free[:last]
	}
	return plane
}

func (p *planePool) start(t *testing.T) *local.ControlPlane {
	t.Helper()
	plane, err := local.Start()
	localtest.Must(t, err)
	p.mu.Lock()
	p.all = append(p.all, plane)
	p.mu.Unlock()
	localtest.Must(t, plane.InstallFlux(t.Context()))
	return plane
}

// stop stops all of them, after the tests.
func (p *planePool) stop() error {
	var errs []error
	for _, plane := range p.all {
		errs = append(errs, plane.Stop())
	}
	return errors.Join(errs...)
}
