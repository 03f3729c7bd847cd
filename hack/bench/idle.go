package main

import (
	"context"
	"errors"
	"time"

	"git.oleks.space/oleks/pinsync/hack/bench/bare"
)

// measureIdle measures pinsync and the bare informers while nothing in the cluster
// changes.
func (b *bench) measureIdle(ctx context.Context, pinsync *process) error {
	progress("%d releases: idling for %s", len(b.apps), b.idle)
	informers, err := b.startBare(ctx, bare.Informers)
	if err != nil {
		return err
	}
	defer informers.stop()
	if _, err := await(ctx, informers.done); err != nil {
		return err
	}
	if err := quiet(ctx, nil, pinsync, informers); err != nil {
		return err
	}
	window := []*process{pinsync, informers}
	before, after := make([]usage, len(window)), make([]usage, len(window))
	for i, p := range window {
		if before[i], err = p.usage(); err != nil {
			return err
		}
	}
	if err := b.waitIdle(ctx); err != nil {
		return err
	}
	for i, p := range window {
		if after[i], err = p.usage(); err != nil {
			return err
		}
	}
	b.figures.Idle = idle{
		Seconds:             b.idle.Seconds(),
		PinsyncCPUSeconds:   (after[0].cpu - before[0].cpu).Seconds(),
		InformersCPUSeconds: (after[1].cpu - before[1].cpu).Seconds(),
	}
	b.figures.Memory = memory{
		Pinsync:   footprint{PeakBytes: before[0].peak, SteadyBytes: after[0].resident, FileBytes: after[0].file},
		Informers: footprint{PeakBytes: before[1].peak, SteadyBytes: after[1].resident, FileBytes: after[1].file},
	}
	return nil
}

// countRequests counts the requests of a pinsync that is connected through a proxy, while
// nothing in the cluster changes.
func (b *bench) countRequests(ctx context.Context) error {
	progress("%d releases: counting requests for %s", len(b.apps), b.idle)
	proxy, err := b.startProxy()
	if err != nil {
		return err
	}
	defer proxy.stop()
	_, pinsync, err := b.measureStart(ctx, proxy.kubeconfig)
	if err != nil {
		return err
	}
	defer pinsync.stop()
	if len(proxy.reset()) == 0 {
		return errors.New("pinsync has sent no request through the proxy")
	}
	if err := b.waitIdle(ctx); err != nil {
		return err
	}
	b.figures.Idle.Requests = proxy.reset()
	return nil
}

// waitIdle waits for the length of the idle window.
func (b *bench) waitIdle(ctx context.Context) error {
	select {
	case <-time.After(b.idle):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
