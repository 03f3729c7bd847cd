package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/bench/bare"
	"git.oleks.space/oleks/pinsync/hack/bench/fleet"
	"git.oleks.space/oleks/pinsync/hack/local"
)

// patience is how long anything that is waited for may take.
const patience = 15 * time.Minute

// calm is how long nothing must have happened before the next is measured: longer than
// pinsync waits before it writes changes that follow each other closely.
const calm = time.Second

// bench measures one size.
type bench struct {
	*options
	apps []fleet.App
	// awake are the applications that are not suspended, and needed are the pins of those
	// that are.
	awake  []*fleet.App
	needed []string

	config     *rest.Config
	client     client.WithWatch
	kubeconfig string
	// fail ends all that is measured.
	fail    func(error)
	figures *figures
}

// measure brings a control plane up, measures, and ends it.
func measure(ctx context.Context, o *options, releases int) (f *figures, err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	progress("%d releases: starting etcd and kube-apiserver", releases)
	// The objects of a large cluster in all their versions are more than etcd takes by
	// default, 2 GiB.
	if err := os.Setenv("ETCD_QUOTA_BACKEND_BYTES", "8589934592"); err != nil {
		return nil, err
	}
	plane, err := local.Start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	b := &bench{
		options: o, apps: fleet.Apps(releases), kubeconfig: plane.Kubeconfig,
		fail: fail, figures: &figures{Releases: releases},
	}
	for i := range b.apps {
		if app := &b.apps[i]; app.Suspended() {
			b.needed = append(b.needed, app.Pin())
		} else {
			b.awake = append(b.awake, app)
		}
	}
	if err := b.load(ctx, plane); err != nil {
		return nil, because(ctx, err)
	}
	return b.figures, because(ctx, b.measureAll(ctx))
}

// because returns why everything was ended, if it was, instead of what failed of that.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// measureAll measures everything, one after the other, on one control plane.
func (b *bench) measureAll(ctx context.Context) error {
	pinsync, err := b.measureStarts(ctx)
	if err != nil {
		return err
	}
	defer pinsync.stop()
	for _, measure := range []func(context.Context, *process) error{b.measureIdle, b.measureSuspends, b.measureWrite, b.measureBurst} {
		if err := measure(ctx, pinsync); err != nil {
			return err
		}
	}
	pinsync.stop()
	if err := b.countRequests(ctx); err != nil {
		return err
	}
	return b.measureKubectl(ctx)
}

// load installs Flux's kinds and creates the cluster's objects.
func (b *bench) load(ctx context.Context, plane *local.ControlPlane) (err error) {
	progress("%d releases: loading", len(b.apps))
	if err := plane.InstallFlux(); err != nil {
		return err
	}
	b.config = rest.CopyConfig(plane.Config)
	b.config.QPS = -1 // the API server is the limit
	if b.client, err = local.NewClient(b.config); err != nil {
		return err
	}
	began := time.Now()
	objects, err := fleet.Load(ctx, b.client, b.apps)
	if err != nil {
		return err
	}
	b.figures.Load = load{Objects: objects, Seconds: time.Since(began).Seconds()}
	for _, name := range []string{v1alpha1.DefaultNamespace, bare.Namespace} {
		if err := b.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	return nil
}

// await waits for something that is told by a channel.
func await[T any](ctx context.Context, told <-chan T) (value T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited in vain for %s", patience))
	defer cancel()
	select {
	case value = <-told:
		return value, nil
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
}

// quiet waits until there was nothing to be seen for a while: no writes, and processes
// that did next to nothing.
func quiet(ctx context.Context, watchers []*watcher, processes ...*process) error {
	const look = 100 * time.Millisecond
	began := time.Now()
	last, cpu, writes := began, time.Duration(0), 0
	for time.Since(last) < calm {
		if time.Since(began) > patience {
			return fmt.Errorf("the processes were not quiet within %s", patience)
		}
		if _, err := await(ctx, time.After(look)); err != nil {
			return err
		}
		cpuNow, writesNow, err := activity(watchers, processes)
		if err != nil {
			return err
		}
		if writesNow > writes || cpuNow-cpu > time.Duration(len(processes))*tick {
			last = time.Now()
		}
		cpu, writes = cpuNow, writesNow
	}
	return nil
}

// activity is what processes have used so far, and how much was written.
func activity(watchers []*watcher, processes []*process) (cpu time.Duration, writes int, err error) {
	for _, p := range processes {
		used, err := p.usage()
		if err != nil {
			return 0, 0, err
		}
		cpu += used.cpu
	}
	for _, w := range watchers {
		writes += w.count()
	}
	return cpu, writes, nil
}

// progress tells whoever waits what is being done.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
