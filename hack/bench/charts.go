package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/bench/fleet"
	"git.oleks.space/oleks/pinsync/hack/local"
)

// sharedCharts is how many charts the releases share.
const sharedCharts = 20

// chartBench measures what charts cost.
type chartBench struct {
	bench
	fleet    fleet.Charted
	served   *artifactServer
	awake    int
	measured *chartFigures
}

// measureCharts measures the suspended releases of some charts, with and without their charts.
func measureCharts(ctx context.Context, o *options) (f *chartFigures, err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	progress("%d releases with charts: starting etcd and kube-apiserver", o.charts)
	plane, err := local.Start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	b := &chartBench{
		bench: bench{options: o, apps: fleet.Apps(o.charts), kubeconfig: plane.Kubeconfig, fail: fail},
		awake: min(o.samples, o.charts/10),
	}
	if err := b.load(ctx, plane); err != nil {
		return nil, cause(ctx, err)
	}
	defer b.served.stop()
	return b.measured, cause(ctx, b.measureAll(ctx))
}

// load makes the charts, serves them, and creates the objects.
func (b *chartBench) load(ctx context.Context, plane *local.ControlPlane) error {
	if err := plane.InstallFlux(ctx); err != nil {
		return err
	}
	var err error
	if b.client, err = local.NewClient(plane.Config); err != nil {
		return err
	}
	charts, err := fleet.Charts(sharedCharts)
	if err != nil {
		return err
	}
	if b.served, err = serveArtifacts(ctx, charts); err != nil {
		return err
	}
	b.fleet = fleet.Charted{Apps: b.apps, Charts: charts, URL: b.served.url}
	b.measured = &chartFigures{Releases: len(b.apps) - b.awake, Charts: len(charts)}
	for i := range charts {
		b.measured.ArchiveBytes = append(b.measured.ArchiveBytes, len(charts[i].Archive))
	}
	if err := b.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DefaultNamespace}}); err != nil {
		return err
	}
	return b.fleet.Load(ctx, b.client, b.awake)
}

// measureAll measures pinsync without charts, with them beside Helm's engine, started again, and suspends.
func (b *chartBench) measureAll(ctx context.Context) error {
	if err := b.measureWithoutCharts(ctx); err != nil {
		return err
	}
	if err := b.measureRounds(ctx); err != nil {
		return err
	}
	if err := b.measureOnAllCores(ctx); err != nil {
		return err
	}
	pinsync, err := b.measureRestart(ctx)
	if err != nil {
		return err
	}
	defer pinsync.stop()
	return b.measureSuspends(ctx, pinsync)
}

// startOnOneCore starts pinsync with a configuration; its child processes use the same core.
func (b *chartBench) startOnOneCore(ctx context.Context, charts string) (p *process, err error) {
	err = onOneCore(func() error {
		p, err = b.startWith(ctx, charts)
		return err
	})
	return p, err
}

// startWith starts pinsync with a configuration.
func (b *chartBench) startWith(ctx context.Context, charts string) (*process, error) {
	config := filepath.Join(b.folder, "charts.yaml")
	text := fmt.Sprintf("apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\ncharts: %s\n", charts)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return b.start(ctx, b.binary, "controller", "--kubeconfig", b.kubeconfig, "--config", config,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
}

// namedByValues are the lines that the values of the suspended releases name.
func (b *chartBench) namedByValues() []string {
	lines := make([]string, b.measured.Releases)
	for i := range lines {
		lines[i] = b.apps[i].Pin()
	}
	return lines
}

// measureWithoutCharts measures the first list and the memory without charts.
func (b *chartBench) measureWithoutCharts(ctx context.Context) error {
	progress("%d releases with charts: starting pinsync without reading charts", len(b.apps))
	list, report, err := b.watchPublished(ctx)
	if err != nil {
		return err
	}
	defer list.stop()
	defer report.stop()
	complete := list.when(list.isComplete)
	pinsync, err := b.startOnOneCore(ctx, v1alpha1.ChartsIgnore)
	if err != nil {
		return err
	}
	defer pinsync.stop()
	at, err := await(ctx, complete)
	if err != nil {
		return err
	}
	b.measured.FirstListWithoutSeconds = at.Sub(pinsync.Started).Seconds()
	if err := list.mustHave(b.namedByValues()); err != nil {
		return err
	}
	b.measured.SteadyWithoutBytes, err = b.steady(ctx, pinsync, list, report)
	return err
}

// steady returns the memory of a pinsync that has nothing to do any more.
func (b *chartBench) steady(ctx context.Context, pinsync *process, watchers ...*watcher) (int64, error) {
	if err := quiet(ctx, watchers, pinsync); err != nil {
		return 0, err
	}
	if err := b.waitIdle(ctx); err != nil {
		return 0, err
	}
	used, err := pinsync.usage()
	return used.resident, err
}

// rounds is how often rendering is measured: how fast a core is changes from one minute to the next.
const rounds = 3

// measureRounds measures rendering, between two measurements of Helm's engine each.
func (b *chartBench) measureRounds(ctx context.Context) error {
	engine := func() (r chartRound, err error) {
		progress("%d releases with charts: rendering them with Helm's engine", len(b.apps))
		r.EngineSeconds, r.EngineCPUSeconds, err = measureEngine(ctx, &b.fleet)
		return r, err
	}
	before, err := engine()
	for range rounds {
		if err != nil {
			return err
		}
		round := before
		if err = b.measureRendering(ctx, &round); err != nil {
			return err
		}
		before, err = engine()
		round.EngineSeconds, round.EngineCPUSeconds = (round.EngineSeconds+before.EngineSeconds)/2, (round.EngineCPUSeconds+before.EngineCPUSeconds)/2
		b.measured.Rounds = append(b.measured.Rounds, round)
	}
	return err
}

// measureRendering measures the first list, and that with what all charts name.
func (b *chartBench) measureRendering(ctx context.Context, round *chartRound) error {
	progress("%d releases with charts: starting pinsync with charts", len(b.apps))
	var children func() int64 // the peak of the memory of the processes that render
	r, err := b.startRendering(ctx, func(ctx context.Context, charts string) (*process, error) {
		p, err := b.startOnOneCore(ctx, charts)
		if err == nil {
			children = watchChildren(p.PID())
		}
		return p, err
	})
	if err != nil {
		return err
	}
	defer r.stop()
	controllerBefore, childrenBefore := cpuWithChildren(r.pinsync.PID())
	if round.RenderSeconds, err = r.await(ctx); err != nil {
		return err
	}
	controllerAfter, childrenAfter := cpuWithChildren(r.pinsync.PID())
	round.ControllerCPUSeconds = (controllerAfter - controllerBefore).Seconds()
	round.ChildrenCPUSeconds = (childrenAfter - childrenBefore).Seconds()
	needed := b.namedByValues()
	for i := range b.fleet.Charts {
		needed = append(needed, b.fleet.Charts[i].Pins...)
	}
	if err := r.list.mustHave(needed); err != nil {
		return err
	}
	b.measured.FirstListSeconds = r.listed.Sub(r.pinsync.Started).Seconds()
	b.measured.ChildPeakBytes = max(b.measured.ChildPeakBytes, children())
	b.measured.Fetches = b.served.reset()
	b.measured.SteadyBytes, err = b.steady(ctx, r.pinsync, r.list, r.report)
	return err
}

// rendering is a pinsync that had no list when it was started, and renders all charts.
type rendering struct {
	list, report *watcher
	pinsync      *process
	// listed is when the list had what the values name.
	listed time.Time
}

// startRendering starts pinsync without a list, and returns it when the list has what the values name.
func (b *chartBench) startRendering(ctx context.Context, start func(context.Context, string) (*process, error)) (r *rendering, err error) {
	if err := b.deleteList(ctx); err != nil {
		return nil, err
	}
	r = &rendering{}
	if r.list, r.report, err = b.watchPublished(ctx); err != nil {
		return nil, err
	}
	needed := b.namedByValues()
	first := r.list.when(func() bool { return !slices.ContainsFunc(needed, func(line string) bool { return !r.list.has(line) }) })
	if r.pinsync, err = start(ctx, v1alpha1.ChartsRead); err == nil {
		r.listed, err = await(ctx, first)
	}
	if err != nil {
		r.stop()
	}
	return r, err
}

// await returns how many seconds it takes from then until the list has what all charts name.
func (r *rendering) await(ctx context.Context) (seconds float64, err error) {
	rendered, err := await(ctx, r.list.when(r.list.isComplete))
	return rendered.Sub(r.listed).Seconds(), err
}

func (r *rendering) stop() {
	if r.pinsync != nil {
		r.pinsync.stop()
	}
	r.report.stop()
	r.list.stop()
}

// measureOnAllCores measures how long rendering takes by the clock where the processes have several cores.
func (b *chartBench) measureOnAllCores(ctx context.Context) error {
	progress("%d releases with charts: starting pinsync with charts on all cores", len(b.apps))
	r, err := b.startRendering(ctx, b.startWith)
	if err != nil {
		return err
	}
	defer r.stop()
	if b.measured.AllCoresRenderSeconds, err = r.await(ctx); err != nil {
		return err
	}
	_, err = b.steady(ctx, r.pinsync, r.list, r.report) // the report is written whole
	return err
}

// measureRestart starts pinsync again, with the list and the report that there are, and counts what
// it fetches.
func (b *chartBench) measureRestart(ctx context.Context) (*process, error) {
	progress("%d releases with charts: starting pinsync again", len(b.apps))
	list, report, err := b.watchPublished(ctx)
	if err != nil {
		return nil, err
	}
	defer list.stop()
	defer report.stop()
	b.served.reset()
	pinsync, err := b.startOnOneCore(ctx, v1alpha1.ChartsRead)
	if err != nil {
		return nil, err
	}
	children := watchChildren(pinsync.PID())
	_, err = b.steady(ctx, pinsync, list, report)
	b.measured.FetchesAfterRestart, b.measured.RendersAfterRestart = b.served.reset(), children() > 0
	return pinsync, err
}

// measureSuspends suspends the releases that are awake, one at a time, until what their charts name
// is in the list for them.
func (b *chartBench) measureSuspends(ctx context.Context, pinsync *process) error {
	progress("%d releases with charts: suspending %d of them one at a time", len(b.apps), b.awake)
	list, report, err := b.watchPublished(ctx)
	if err != nil {
		return err
	}
	defer list.stop()
	defer report.stop()
	for i := b.measured.Releases; i < len(b.apps); i++ {
		if err := quiet(ctx, []*watcher{list, report}, pinsync); err != nil {
			return err
		}
		app := &b.apps[i]
		// The list is incomplete from the moment that it has the release until its chart is rendered.
		visible := list.when(func() bool { return list.has(app.Pin()) && list.isComplete() })
		sent := time.Now()
		if err := b.suspend(ctx, app); err != nil {
			return err
		}
		at, err := await(ctx, visible)
		if err != nil {
			return fmt.Errorf("the chart of %s: %w", app.Key(), err)
		}
		b.measured.SuspendSeconds = append(b.measured.SuspendSeconds, at.Sub(sent).Seconds())
	}
	return nil
}
