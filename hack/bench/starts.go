package main

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/bench/bare"
)

// startsEach is the number of starts of each of pinsync and the bare list, in turn.
const startsEach = 3

// measureStarts measures the starts, and returns the last pinsync, which is still running.
func (b *bench) measureStarts(ctx context.Context) (pinsync *process, err error) {
	progress("%d releases: starting pinsync and listing, %d times", len(b.apps), startsEach)
	// At the first list after the load the API server's caches are empty.
	if _, err := b.measureList(ctx); err != nil {
		return nil, err
	}
	for range startsEach {
		if pinsync != nil {
			pinsync.stop()
		}
		list, err := b.measureList(ctx)
		if err != nil {
			return nil, err
		}
		b.figures.Starts.BareList = append(b.figures.Starts.BareList, list)
		var one oneStart
		if one, pinsync, err = b.measureStart(ctx, b.kubeconfig); err != nil {
			return nil, err
		}
		b.figures.Starts.Pinsync = append(b.figures.Starts.Pinsync, one)
	}
	return pinsync, nil
}

// measureList runs the bare list.
func (b *bench) measureList(ctx context.Context) (oneStart, error) {
	list, err := b.startBare(ctx, bare.List)
	if err != nil {
		return oneStart{}, err
	}
	defer list.stop()
	at, err := await(ctx, list.done)
	if err != nil {
		return oneStart{}, err
	}
	return list.startedIn(at)
}

// measureStart starts pinsync without an existing list, and waits until the list is complete
// and pinsync is idle.
func (b *bench) measureStart(ctx context.Context, kubeconfig string) (one oneStart, pinsync *process, err error) {
	if err := b.deleteList(ctx); err != nil {
		return one, nil, err
	}
	list, report, err := b.watchPublished(ctx)
	if err != nil {
		return one, nil, err
	}
	defer list.stop()
	defer report.stop()
	if list.isComplete() {
		return one, nil, errors.New("a list exists before pinsync is started")
	}
	complete := list.when(list.isComplete)
	started, err := b.startPinsync(ctx, kubeconfig)
	if err != nil {
		return one, nil, err
	}
	defer func() {
		if err != nil {
			started.stop()
		}
	}()
	at, err := await(ctx, complete)
	if err != nil {
		return one, nil, err
	}
	if one, err = started.startedIn(at); err != nil {
		return one, nil, err
	}
	if err := list.mustHave(b.needed); err != nil {
		return one, nil, err
	}
	if err := quiet(ctx, []*watcher{list, report}, started); err != nil {
		return one, nil, err
	}
	used, err := started.usage()
	one.PeakBytes = used.peak
	return one, started, err
}

// deleteList deletes pinsync's list and the report on it.
func (b *bench) deleteList(ctx context.Context) error {
	for _, label := range []string{v1alpha1.PinsLabel, v1alpha1.ReportLabel} {
		err := b.client.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(v1alpha1.DefaultNamespace), client.MatchingLabels{label: "true"})
		if err != nil {
			return err
		}
	}
	return nil
}

// startedIn returns the time and the resources from a process' start until at, which is now.
func (p *process) startedIn(at time.Time) (oneStart, error) {
	used, err := p.usage()
	return oneStart{Seconds: at.Sub(p.Started).Seconds(), CPUSeconds: used.cpu.Seconds(), PeakBytes: used.peak}, err
}
