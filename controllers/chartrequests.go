package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// chartRequests make the HelmCharts of releases that were created suspended, so that source-controller
// fetches their charts, and remove them again if the releases do without before they are resumed. They
// are made and removed beside the passes, one after the other.
type chartRequests struct {
	writer   helmChartWriter
	sources  *chartSources
	charts   informers.Values[convert.Source]
	releases *informers.Informer
	decider  charts.Requester
	passes   *requests

	mu sync.Mutex
	// known are the HelmCharts that are to exist or to go.
	known   sweep.Map[object.Name, requestedChart]
	refused map[object.Name]string
	due     map[string][]*dueRequest
	// served is when something was done for each namespace last.
	served map[string]time.Time
	// isForbidden is set if pinsync may not make HelmCharts, and forbidden is until when it does not try.
	isForbidden bool
	forbidden   time.Time
}

// requestedChart is what was done about a HelmChart.
type requestedChart struct {
	// revision is that of the release for which it was made last, and made when that was.
	revision string
	made     time.Time
	// active is set while something is being done.
	active bool
	// failed is why it could not be made for the revision tried, failures how often in a row, and retry
	// when it is tried again.
	failed, tried string
	failures      int
	retry         time.Time
}

// dueRequest is a HelmChart to be made, or to be removed.
type dueRequest struct {
	chart   object.Name
	release charts.Release
	remove  bool
	// isGone is set if the release of a HelmChart to be removed does not exist.
	isGone bool
}

// chartPatience is for how long after a HelmChart was made the list is not complete without its chart, and
// how long a chart may wait to be rendered before that is a problem.
const chartPatience = time.Minute

// newChartRequests returns nil if no HelmCharts are made.
func newChartRequests(c client.Client, live client.Reader, options *Options, w *watches, sources *chartSources, passes *requests) *chartRequests {
	if !options.CreateHelmCharts {
		return nil
	}
	by := convert.RequestedBy(options.Namespace, options.ConfigMapName)
	r := &chartRequests{
		writer:  helmChartWriter{client: c, live: live, by: by, selects: w.releases.Selects},
		sources: sources, charts: informers.Values[convert.Source]{Informer: sources.watches[flux.HelmChartKind]}, releases: w.releases,
		passes: passes, served: map[string]time.Time{},
	}
	r.decider = charts.Requester{By: by, LookUp: sources.lookUp, Release: r.release}
	return r
}

// release returns what the cache has of a release.
func (c *chartRequests) release(name object.Name) (charts.Release, bool) {
	cached, _ := c.releases.Get(client.ObjectKey{Namespace: name.Namespace, Name: name.Name})
	kept, ok := cached.(*keptRelease)
	if !ok {
		return charts.Release{}, false
	}
	return releaseOf(&kept.Value), true
}

func releaseOf(kept *convert.KeptRelease) charts.Release {
	r := charts.Release{Name: kept.Release.Name, Revision: kept.Release.Revision, Suspended: kept.Release.Suspended}
	if kept.HelmChartNamespace != "" {
		r.HelmChart = convert.HelmChartName(kept.HelmChartNamespace, r.Name)
	}
	return r
}

// decide decides which HelmCharts are to be made and removed, where these releases are protected.
func (c *chartRequests) decide(s *pin.Snapshot, protected []*keptRelease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due, c.refused = map[string][]*dueRequest{}, nil
	maps.DeleteFunc(c.served, func(_ string, at time.Time) bool { return time.Since(at) > maxPause })
	if c.sources.check(s, c.charts.Informer) != sourcesRead {
		return
	}
	requests := c.decider.Decide(c.wanted(protected), c.charts.Get())
	c.refused = requests.Refused
	if !s.Complete() { // a release may be there that was not read
		requests.Remove = nil
	}
	for i := range requests.Make {
		release := &requests.Make[i]
		k := c.of(release.HelmChart)
		if _, exists := c.decider.LookUp(object.ID{Kind: flux.HelmChartKind, Name: release.HelmChart}); !exists || k.revision != release.Revision {
			c.add(k, &dueRequest{chart: release.HelmChart, release: *release})
		}
	}
	for i := range requests.Remove {
		chart := &requests.Remove[i]
		release, ok := c.release(chart.Owner)
		release.Name = chart.Owner
		c.add(c.of(chart.Name), &dueRequest{chart: chart.Name, release: release, remove: true, isGone: !ok})
	}
	c.known.Sweep()
	switch {
	case len(requests.Make)+len(requests.Remove) == 0:
		c.isForbidden = false
	case c.isForbidden:
		s.Notes = append(s.Notes, v1alpha1.Problem{
			Reason: v1alpha1.ReasonChartNotRead, Object: flux.HelmChartKind,
			Message: "the configuration's missingHelmCharts is Create, and pinsync may not do that: the component request-charts of its configuration is missing",
		})
	}
}

// wanted returns those of protected releases for which HelmCharts are made.
func (c *chartRequests) wanted(protected []*keptRelease) []charts.Release {
	var wanted []charts.Release
	for _, kept := range protected {
		spec := kept.Value.Chart
		isAsleep := kept.Value.Release.Suspended && spec != nil && spec.Template != nil
		if isAsleep && spec.Template.Source.Kind == flux.HelmRepositoryKind && c.sources.resolver.Allows(spec) {
			wanted = append(wanted, releaseOf(&kept.Value))
		}
	}
	return wanted
}

// of returns what is known of a HelmChart; the lock is held.
func (c *chartRequests) of(chart object.Name) *requestedChart {
	if k := c.known.Get(chart); k != nil {
		return k
	}
	return c.known.Put(chart, requestedChart{})
}

// add adds a request that is due, unless it has to wait; the lock is held.
func (c *chartRequests) add(k *requestedChart, due *dueRequest) {
	now := time.Now()
	isPaused := k.tried == due.release.Revision && now.Before(k.retry) || now.Before(c.forbidden)
	if !k.active && !isPaused {
		c.due[due.release.Namespace] = append(c.due[due.release.Namespace], due)
	}
}

// progress returns what keeps the chart of a release from being there, and whether it is to come soon.
func (c *chartRequests) progress(release object.Name, chart object.ID) (doubt string, isPending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if why := c.refused[release]; why != "" {
		return why, false
	}
	k := c.known.Peek(chart.Name)
	switch {
	case k == nil, c.isForbidden:
		return "", false
	case k.failed != "":
		return fmt.Sprintf("pinsync could not make HelmChart %s: %s", chart.Name, k.failed), false
	case k.revision == "":
		return fmt.Sprintf("pinsync is about to make HelmChart %s", chart.Name), true
	default:
		source, ok := c.decider.LookUp(chart)
		return "", (!ok || source.NotReady == "") && time.Since(k.made) < chartPatience
	}
}

// next returns the namespaces of releases for which something is to be done: first the one that waits
// the longest.
func (c *chartRequests) next() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.forbidden) {
		return nil
	}
	return slices.SortedFunc(maps.Keys(c.due), func(a, b string) int { return cmp.Or(c.served[a].Compare(c.served[b]), cmp.Compare(a, b)) })
}

// act does the first thing that is due for a namespace.
func (c *chartRequests) act(ctx context.Context, namespace string) {
	due := c.take(namespace)
	if due == nil {
		return
	}
	do, done := c.writer.make, "Made a HelmChart, so that Flux fetches the chart of a suspended release"
	if due.remove {
		do, done = c.writer.remove, "Removed a HelmChart that no suspended release needs"
	}
	ok, err := do(ctx, due)
	if ok && err == nil {
		log.FromContext(ctx).Info(done, "helmChart", due.chart.String(), "helmRelease", due.release.String())
	}
	c.finish(ctx, due, ok, err)
}

// take takes what is due first for a namespace; nil, nothing is.
func (c *chartRequests) take(namespace string) *dueRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	queue := c.due[namespace]
	if len(queue) == 0 {
		return nil
	}
	if c.due[namespace] = queue[1:]; len(queue) == 1 {
		delete(c.due, namespace)
	}
	c.served[namespace] = time.Now()
	c.of(queue[0].chart).active = true
	return queue[0]
}

// finish notes what has become of a request. What was written makes an event, and that a pass: one before it would
// write the same again. Where nothing was written, the passes go on as long as a chart is waited for.
func (c *chartRequests) finish(ctx context.Context, due *dueRequest, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.of(due.chart)
	k.active = false
	switch {
	case err == nil && ok:
		c.isForbidden = false
		*k = requestedChart{revision: due.release.Revision, made: time.Now()}
		return
	case err == nil, errors.Is(ctx.Err(), context.Canceled):
		return
	}
	delay := min(maxRequestRetry, readRetry<<min(k.failures, 10))
	k.failures++
	k.failed, k.tried, k.retry = image.Shorten(err.Error()), due.release.Revision, time.Now().Add(delay)
	forbidden := (*missingRightError)(nil)
	if c.isForbidden = errors.As(err, &forbidden); c.isForbidden {
		c.forbidden = k.retry
	}
	if k.failures == 1 {
		warn(ctx, "A HelmChart could not be made or removed", "helmChart", due.chart.String(), "remove", due.remove, "reason", k.failed)
	}
	time.AfterFunc(delay, c.passes.ask)
	c.passes.ask()
}

// maxRequestRetry is how long after a failure a request is tried again at the latest.
const maxRequestRetry = 10 * time.Minute
