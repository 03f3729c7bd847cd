package controllers_test

import (
	"context"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

var (
	// planes are the control planes with Flux's kinds that the tests share: each has one test at a
	// time, because a controller sees all releases of its cluster.
	planes = localtest.Pool[*local.ControlPlane]{Start: startPlane}
	// parts are what is stopped after the tests.
	parts testbed.Parts
)

func startPlane(ctx context.Context) (plane *local.ControlPlane, err error) {
	start := func(context.Context) (*local.ControlPlane, error) { return local.Start() }
	if err := testbed.Begin(ctx, &parts, &plane, start, (*local.ControlPlane).Stop); err != nil {
		return nil, err
	}
	return plane, plane.InstallFlux(ctx)
}
