package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
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

// timeout is the longest time to wait for anything.
const timeout = 15 * time.Minute

// quietPeriod is the time without any activity before the next measurement: longer than
// pinsync's interval between two writes.
const quietPeriod = time.Second

// bench measures one size.
type bench struct {
	*options
	// samples are at most those of the options: enough releases must be left for the burst.
	samples int
	apps    []fleet.App
	// running are the applications that are not suspended, and needed are the pins of those
	// that are.
	running []*fleet.App
	needed  []string

	config     *rest.Config
	client     client.WithWatch
	kubeconfig string
	// fail cancels the measurement.
	fail    func(error)
	figures *figures
}

// measure runs all measurements with one number of releases, on a control plane of its own.
func measure(ctx context.Context, o *options, releases int) (f *figures, err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	progress("%d releases: starting etcd and kube-apiserver", releases)
	// All versions of a large cluster's objects exceed etcd's default quota of 2 GiB.
	if err := os.Setenv("ETCD_QUOTA_BACKEND_BYTES", "8589934592"); err != nil {
		return nil, err
	}
	plane, err := local.Start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	b := &bench{
		options: o, samples: min(o.samples, releases*3/10), apps: fleet.Apps(releases), kubeconfig: plane.Kubeconfig,
		fail: fail, figures: &figures{Releases: releases},
	}
	for i := range b.apps {
		if app := &b.apps[i]; app.Suspended() {
			b.needed = append(b.needed, app.Pin())
		} else {
			b.running = append(b.running, app)
		}
	}
	if err := b.load(ctx, plane); err != nil {
		return nil, cause(ctx, err)
	}
	return b.figures, cause(ctx, b.measureAll(ctx))
}

// cause returns the cause of the cancellation, if ctx is canceled, instead of an error that
// follows from it.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// measureAll runs all measurements in sequence.
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

// load installs Flux's kinds and creates the objects.
func (b *bench) load(ctx context.Context, plane *local.ControlPlane) (err error) {
	progress("%d releases: loading", len(b.apps))
	if err := plane.InstallFlux(ctx); err != nil {
		return err
	}
	b.config = rest.CopyConfig(plane.Config)
	b.config.QPS = -1 // only the API server limits the rate
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

// await receives a value from a channel.
func await[T any](ctx context.Context, values <-chan T) (value T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("nothing was received within %s", timeout))
	defer cancel()
	select {
	case value = <-values:
		return value, nil
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
}

// quiet waits for a period without writes in which the processes use almost no CPU, after the
// report on pinsync's last list was written: that is some seconds after the list.
func quiet(ctx context.Context, watchers []*watcher, processes ...*process) error {
	const interval = 100 * time.Millisecond
	began := time.Now()
	last, cpu, writes := began, time.Duration(0), 0
	for time.Since(last) < quietPeriod {
		if time.Since(began) > timeout {
			return fmt.Errorf("the processes were not idle within %s", timeout)
		}
		if _, err := await(ctx, time.After(interval)); err != nil {
			return err
		}
		cpuNow, writesNow, err := activity(watchers, processes)
		if err != nil {
			return err
		}
		isBehind := slices.ContainsFunc(watchers, (*watcher).isBehind)
		if isBehind || writesNow > writes || cpuNow-cpu > time.Duration(len(processes))*tick {
			last = time.Now()
		}
		cpu, writes = cpuNow, writesNow
	}
	return nil
}

// activity returns the CPU time that processes have used, and the number of writes.
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

// progress prints what is being measured.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
