package main

import (
	"context"
	"fmt"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/bench/bare"
	"git.oleks.space/oleks/pinsync/hack/bench/fleet"
)

// measureSuspends suspends releases one at a time, and measures in turn when pinsync and the
// bare loop have written it. Both write every suspend, so both have the same load.
func (b *bench) measureSuspends(ctx context.Context, pinsync *process) error {
	progress("%d releases: suspending 2 x %d of them one at a time", len(b.apps), b.samples)
	target := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: bare.Namespace, Name: bare.Name}}
	if err := b.client.Create(ctx, target); err != nil {
		return err
	}
	loop, err := b.startBare(ctx, bare.Loop)
	if err != nil {
		return err
	}
	defer loop.stop()
	if _, err := await(ctx, loop.done); err != nil {
		return err
	}
	list, report, err := b.watchPublished(ctx)
	if err != nil {
		return err
	}
	defer list.stop()
	defer report.stop()
	lines, err := b.watch(ctx, client.InNamespace(bare.Namespace))
	if err != nil {
		return err
	}
	defer lines.stop()
	for i := range 2 * b.samples {
		if err := quiet(ctx, []*watcher{list, report, lines}, pinsync, loop); err != nil {
			return err
		}
		app := b.nextRunning()
		inList := list.when(func() bool { return list.has(app.Pin()) })
		inLines := lines.when(func() bool { return lines.has(app.Key().String()) })
		sent := time.Now()
		if err := b.suspend(ctx, app); err != nil {
			return err
		}
		listed, err := await(ctx, inList)
		if err != nil {
			return fmt.Errorf("pin %s: %w", app.Pin(), err)
		}
		written, err := await(ctx, inLines)
		if err != nil {
			return fmt.Errorf("line %s: %w", app.Key(), err)
		}
		if f := &b.figures.Suspend; i%2 == 0 {
			f.PinsyncSeconds = append(f.PinsyncSeconds, listed.Sub(sent).Seconds())
		} else {
			f.BareLoopSeconds = append(f.BareLoopSeconds, written.Sub(sent).Seconds())
		}
	}
	return list.mustHave(b.needed)
}

// measureBurst suspends many releases at once.
func (b *bench) measureBurst(ctx context.Context, pinsync *process) error {
	apps := make([]*fleet.App, min(1000, len(b.apps)/10))
	progress("%d releases: suspending %d of them at once", len(b.apps), len(apps))
	list, report, err := b.watchPublished(ctx)
	if err != nil {
		return err
	}
	defer list.stop()
	defer report.stop()
	both := []*watcher{list, report}
	if err := quiet(ctx, both, pinsync); err != nil {
		return err
	}
	missing := map[string]bool{}
	for i := range apps {
		apps[i] = b.nextRunning()
		missing[apps[i].Pin()] = true
	}
	writes := 0
	all := list.when(func() bool {
		writes = list.writes
		for pin := range missing {
			if list.has(pin) {
				delete(missing, pin)
			}
		}
		return len(missing) == 0
	})
	before, reportsBefore, began := list.count(), report.count(), time.Now()
	err = fleet.Each(ctx, len(apps), func(ctx context.Context, i int) error { return b.suspend(ctx, apps[i]) })
	if err != nil {
		return err
	}
	answered := time.Now()
	seen, err := await(ctx, all)
	if err != nil {
		return fmt.Errorf("%d suspends at once: %w", len(apps), err)
	}
	if err := quiet(ctx, both, pinsync); err != nil {
		return err
	}
	b.figures.Burst = burst{
		Suspends: len(apps), PatchSeconds: answered.Sub(began).Seconds(),
		SecondsAfter: max(seen.Sub(answered), 0).Seconds(), Writes: writes - before, ReportWrites: report.count() - reportsBefore,
	}
	b.figures.List, b.figures.Report = list.size(), report.size()
	return list.mustHave(b.needed)
}

// nextRunning returns an application to be suspended.
func (b *bench) nextRunning() *fleet.App {
	app := b.running[0]
	b.running, b.needed = b.running[1:], append(b.needed, app.Pin())
	return app
}

// suspend suspends an application's release.
func (b *bench) suspend(ctx context.Context, app *fleet.App) error {
	release := &helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: app.Key().Namespace, Name: app.Key().Name}}
	if err := b.client.Patch(ctx, release, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))); err != nil {
		return fmt.Errorf("suspending %s: %w", app.Key(), err)
	}
	return nil
}
