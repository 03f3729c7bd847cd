package controllers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// chartImages knows what the charts of protected releases name. Charts are fetched and rendered beside
// the passes, when a release, what its values come from, its chart or the cluster's versions have
// changed: one is rendered while the next is fetched. Until then, and if it fails, a release keeps what
// was rendered before.
type chartImages struct {
	live     client.Reader
	sources  *chartSources
	cluster  *clusterVersions
	requests *chartRequests // nil where no HelmCharts are made
	fetcher  *charts.Fetcher
	find     func(context.Context, *chartimages.Request) *pin.ChartImages
	shares   *shares
	// readSecrets allows to read Secrets, and version is pinsync's own.
	readSecrets bool
	version     string
	// passes are asked for when a chart was rendered, and when one may be tried again.
	passes *requests
	// rendering is the chart that is being rendered.
	rendering sync.WaitGroup

	mu    sync.Mutex
	known sweep.Map[object.ID, knownChart]
	// due are the charts of each namespace that the last pass found to be rendered, and found those of
	// the pass that is being made: rendering does not wait for it.
	due, found map[string][]*dueChart
	// inWork are the releases that are being read, and whose charts are being rendered.
	inWork []object.ID
	// mentions is how many images are kept of the charts of each namespace, while charts are due or in work.
	mentions map[string]int
	// turns are when it is the turn of each namespace, if another one waits, and pauses until when no chart
	// of it is rendered.
	turns, pauses map[string]time.Time
}

// dueChart is a release whose chart is to be rendered.
type dueChart struct {
	id     object.ID
	inputs chartInputs
}

// newChartImages returns nil if no charts are read.
func newChartImages(mgr manager.Manager, options *Options, w *watches, s *shares, passes *requests) (*chartImages, error) {
	if options.Charts == nil {
		return nil, nil //nolint:nilnil // as documented
	}
	d, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	sources := newChartSources(w.charts, options.DenyCrossNamespace)
	return &chartImages{
		live: mgr.GetAPIReader(), sources: sources, requests: newChartRequests(mgr.GetClient(), mgr.GetAPIReader(), options, w, sources, passes),
		cluster: &clusterVersions{discovery: d}, fetcher: charts.NewFetcher(), find: options.Charts.Find,
		shares: s, readSecrets: options.ReadSecrets, version: options.Version, passes: passes,
		turns: map[string]time.Time{}, pauses: map[string]time.Time{},
	}, nil
}

// begin begins a pass.
func (c *chartImages) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = map[string][]*dueChart{}
	c.sources.begin()
}

// end ends a pass.
func (c *chartImages) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Sweep()
	c.due = c.found
	if len(c.due)+len(c.inWork) > 0 { // else none is rendered before the next pass
		c.mentions = map[string]int{}
		for id, k := range c.known.All() {
			c.mentions[id.Namespace] += k.found.kept()
		}
	}
	now := time.Now()
	isOver := func(namespace string, at time.Time) bool { return len(c.due[namespace]) == 0 && now.Sub(at) > maxPause }
	maps.DeleteFunc(c.turns, isOver)
	maps.DeleteFunc(c.pauses, isOver)
}

// attach adds to a release what its chart names. values are the versions of the objects that its values
// come from. If it is awaited, the list is not complete before the chart was rendered once, and after it was replaced
// by another one.
func (c *chartImages) attach(s *pin.Snapshot, kept *keptRelease, r *pin.Release, values []string, isAwaited bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.of(s, r, kept.Value.Chart)
	if k.asked.spec != nil {
		c.resolve(s, &k.asked, kept)
		r.ChartRef = k.asked.resolved.ref
	}
	inputs, doubt, state := c.wanted(&k.asked, r, values)
	if state == chartMissing && c.requests != nil {
		doubt, state = c.requested(k, r, doubt)
	}
	c.schedule(k, r, inputs, state)
	if isAwaited && (r.ChartPending || r.ChartStale && state == chartWanted && k.try.awaits(&inputs)) {
		c.shares.wait(r.Namespace)
		if k.try.isUnanswered {
			addFailedRead(s, r.Kind+" "+r.Name.String(), k.try.notRead)
		}
		if why := c.cluster.notRead(); why != "" {
			addFailedRead(s, "the cluster's versions", image.Shorten(why))
		}
	}
	r.ChartRefUnknown = k.asked.resolved.state == sourcesNotRead && r.ChartRef == (image.Reference{})
	r.ChartUnread = k.found.rendered == nil && k.asked.resolved.state != sourcesNotRead
	r.Rendered = k.found.with(cmp.Or(doubt, k.try.notRead, k.try.overdue(r.ChartStale)))
}

// schedule has a chart rendered if its images are not known as it is now.
func (c *chartImages) schedule(k *knownChart, r *pin.Release, inputs chartInputs, state chartState) {
	isDue := state == chartWanted && !c.isKnown(k, inputs)
	// What has changed since it has failed is tried at once.
	if (isDue || state == chartUnknown) && !k.try.isPaused(&inputs) {
		c.found[r.Namespace] = append(c.found[r.Namespace], &dueChart{r.ID, inputs})
	}
	isOpen := state == chartUnknown || state == chartSyncing
	r.ChartPending = (isDue || isOpen) && k.found.latest == nil && !k.try.isGivenUp(&inputs)
	r.ChartStale = isOpen || isDue && (k.try.inputs != inputs || k.try.notRead != "")
}

// requested returns why a chart is missing for which a HelmChart is made, and whether it is to come soon.
func (c *chartImages) requested(k *knownChart, r *pin.Release, doubt string) (why string, state chartState) {
	why, isPending := c.requests.progress(r.Name, k.asked.spec.Ref)
	if state = chartMissing; isPending {
		state = chartSyncing
	}
	return cmp.Or(why, doubt), state
}

// chartState is whether it is known which chart a release would be installed from.
type chartState int

const (
	// chartWanted means that it is known, and chartMissing that there is none.
	chartWanted chartState = iota
	chartMissing
	// chartUnknown means that the release has to be read first, and chartSyncing that the objects
	// are still being read that it can come from.
	chartUnknown
	chartSyncing
)

// wanted returns what the images of a release's chart depend on now. A doubt is why the chart may be
// another one, or why there is none.
func (c *chartImages) wanted(asked *askedChart, r *pin.Release, values []string) (inputs chartInputs, doubt string, state chartState) {
	resolved, cluster := &asked.resolved, c.cluster.digest()
	switch {
	case asked.spec == nil:
		return inputs, "", chartUnknown
	case resolved.state == sourcesSyncing:
		return inputs, "", chartSyncing
	case resolved.state == sourcesNotRead, resolved.chart.Artifact == (flux.Artifact{}):
		return inputs, resolved.doubt, chartMissing
	case cluster == "":
		return inputs, resolved.doubt, chartSyncing
	}
	return chartInputs{r.Revision, strings.Join(values, "\n"), resolved.chart, asked.spec.IsUpgrade, cluster}, resolved.doubt, chartWanted
}

// resolve finds the chart of a release again if the release or the objects that charts come from have
// changed.
func (c *chartImages) resolve(s *pin.Snapshot, asked *askedChart, kept *keptRelease) {
	version := c.sources.version
	if version != 0 && asked.resolved.kept == kept && asked.resolved.sources == version {
		return
	}
	asked.resolved = resolvedChart{kept: kept, sources: version, ref: c.sources.resolver.Reference(asked.spec)}
	asked.resolved.chart, asked.resolved.doubt, asked.resolved.state = c.sources.resolve(s, asked.spec)
}

// of returns what is known of the chart of a release: at first, what the last report has of it.
func (c *chartImages) of(s *pin.Snapshot, r *pin.Release, spec *convert.ChartSpec) *knownChart {
	k := c.known.Get(r.ID)
	if k == nil {
		k = c.known.Put(r.ID, knownChart{})
		if images := pin.ChartImagesOf(s.Memory.ChartOf(r.ID)); images != nil {
			k.found = foundImages{latest: images, rendered: images, digest: images.Entry.Inputs}
		}
	}
	k.asked.observe(spec, r.Revision)
	return k
}

// isKnown reports whether the images were found with these inputs, or are not to be looked for again. Of
// those that the last report had, the digest of the inputs is known.
func (c *chartImages) isKnown(k *knownChart, inputs chartInputs) bool {
	if k.try.inputs == (chartInputs{}) && k.found.digest != "" && k.found.digest == c.digestOf(&inputs) {
		k.try = chartTry{inputs: inputs, staleSince: k.try.staleSince}
	}
	return k.try.inputs == inputs && k.try.failures == 0
}

// digestOf returns a digest of inputs.
func (c *chartImages) digestOf(inputs *chartInputs) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %+v", c.version, *inputs))
	return "sha256:" + hex.EncodeToString(sum[:])
}
