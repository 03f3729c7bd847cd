package controllers

import (
	"cmp"
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

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
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
// the passes, one after the other, when a release, what its values come from, its chart or the
// cluster's versions have changed. Until then, and if it fails, a release keeps what was rendered
// before.
type chartImages struct {
	live     client.Reader
	sources  *chartSources
	cluster  *clusterVersions
	requests *chartRequests // nil where no HelmCharts are made
	fetcher  *charts.Fetcher
	finder   *chartimages.Finder
	shares   *shares
	// readSecrets allows to read Secrets, and version is pinsync's own.
	readSecrets bool
	version     string
	// passes are asked for when a chart was rendered.
	passes requests

	mu    sync.Mutex
	known sweep.Map[object.ID, *knownChart]
	// due are the charts of each namespace that the last pass found to be rendered, and found those of
	// the pass that is being made: rendering does not wait for it.
	due, found map[string][]*dueChart
	// mentions is how many images are kept of the charts of each namespace.
	mentions map[string]int
	// served are when a chart of each namespace was rendered last, and pauses until when none is.
	served, pauses map[string]time.Time
}

// knownChart is what is known of a release's chart.
type knownChart struct {
	// spec is what the release of that revision asks for.
	spec     *convert.ChartSpec
	revision string
	// resolved is the chart that it would be installed from, as the cache and the sources were then.
	resolved resolvedChart
	// inputs are what the images were found with, and digest is their digest.
	inputs chartInputs
	digest string
	// found are nil before the chart was rendered or has failed; rendered are what was rendered last.
	found, rendered *pin.ChartImages
	// notRead is why the chart that is wanted now could not be fetched. isGivenUp is set then, unless what
	// serves it may only be away for a moment.
	notRead   string
	isGivenUp bool
	// attached are what was found with a doubt.
	attached *pin.ChartImages
	doubt    string
	// failures is how often in a row it has failed for reasons that may pass, and retry when it is
	// tried again.
	failures int
	retry    time.Time
	// staleSince is since when it was not rendered, or not as it is now; zero, it was, or was tried.
	staleSince time.Time
}

// resolvedChart is what was found of a release as it was kept, in the sources of a version.
type resolvedChart struct {
	kept    *keptRelease
	sources uint64

	chart charts.Chart
	doubt string
	state sourcesState
	ref   image.Reference
}

// chartInputs are everything that the images of a chart depend on.
type chartInputs struct {
	revision string
	// values are the versions of the objects that values come from.
	values    string
	chart     charts.Chart
	isUpgrade bool
	cluster   string
}

// dueChart is a release whose chart is to be rendered.
type dueChart struct {
	id     object.ID
	inputs chartInputs
}

// newChartImages returns nil if no charts are read.
func newChartImages(mgr manager.Manager, options *Options, w *watches, s *shares) (*chartImages, error) {
	if options.Charts == nil {
		return nil, nil //nolint:nilnil // as documented
	}
	d, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	passes, sources := newRequests(), newChartSources(w.charts, options.DenyCrossNamespace)
	return &chartImages{
		live: mgr.GetAPIReader(), sources: sources, requests: newChartRequests(mgr.GetClient(), mgr.GetAPIReader(), options, w, sources, passes),
		cluster: &clusterVersions{discovery: d, passes: passes}, fetcher: charts.NewFetcher(), finder: options.Charts,
		shares: s, readSecrets: options.ReadSecrets, version: options.Version, passes: passes,
		served: map[string]time.Time{}, pauses: map[string]time.Time{},
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
	c.due, c.mentions = c.found, map[string]int{}
	for id, k := range c.known.All() {
		c.mentions[id.Namespace] += k.kept()
	}
	now := time.Now()
	isOver := func(namespace string, at time.Time) bool { return len(c.due[namespace]) == 0 && now.Sub(at) > maxPause }
	maps.DeleteFunc(c.served, isOver)
	maps.DeleteFunc(c.pauses, isOver)
}

// attach adds to a release what its chart names. values are the versions of the objects that its values
// come from. If it is awaited, the list is not complete before the chart was rendered once.
func (c *chartImages) attach(s *pin.Snapshot, kept *keptRelease, r *pin.Release, values []string, isAwaited bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.of(s, r, kept.Value.Chart)
	if k.spec != nil {
		c.resolve(s, k, kept)
		r.ChartRef = k.resolved.ref
	}
	inputs, doubt, state := c.wanted(k, r, values)
	if state == chartMissing && c.requests != nil {
		doubt, state = c.requested(k, r, doubt)
	}
	c.schedule(k, r, inputs, state)
	if r.ChartPending && isAwaited {
		c.shares.wait(r.Namespace)
	}
	r.Rendered = k.with(cmp.Or(doubt, k.notRead, k.overdue(r.ChartStale)))
}

// schedule has a chart rendered if its images are not known as it is now.
func (c *chartImages) schedule(k *knownChart, r *pin.Release, inputs chartInputs, state chartState) {
	isDue := state == chartWanted && !c.isKnown(k, inputs)
	// What has changed since it has failed is tried at once.
	isPaused := k.inputs == inputs && time.Now().Before(k.retry)
	if !isPaused && (isDue || state == chartUnknown) {
		c.found[r.Namespace] = append(c.found[r.Namespace], &dueChart{r.ID, inputs})
	}
	isOpen := state == chartUnknown || state == chartSyncing
	r.ChartPending = (isDue || isOpen) && k.found == nil && !k.isGivenUp
	r.ChartStale = isOpen || isDue && (k.inputs != inputs || k.notRead != "")
}

// overdue returns the doubt about a chart that is stale, and was for so long that somebody should know.
func (k *knownChart) overdue(isStale bool) (doubt string) {
	switch now := time.Now(); {
	case !isStale:
		k.staleSince = time.Time{}
	case k.staleSince.IsZero():
		k.staleSince = now
	case now.Sub(k.staleSince) >= chartPatience:
		return "pinsync has not rendered it as it is now yet"
	}
	return ""
}

// requested returns why a chart is missing for which a HelmChart is made, and whether it is to come soon.
func (c *chartImages) requested(k *knownChart, r *pin.Release, doubt string) (why string, state chartState) {
	why, isPending := c.requests.progress(r.Name, k.spec.Ref)
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
func (c *chartImages) wanted(k *knownChart, r *pin.Release, values []string) (inputs chartInputs, doubt string, state chartState) {
	resolved, cluster := &k.resolved, c.cluster.digest()
	switch {
	case k.spec == nil:
		return inputs, "", chartUnknown
	case resolved.state == sourcesSyncing:
		return inputs, "", chartSyncing
	case resolved.state == sourcesNotRead, resolved.chart.Artifact == (flux.Artifact{}):
		return inputs, resolved.doubt, chartMissing
	case cluster == "":
		return inputs, resolved.doubt, chartSyncing
	}
	return chartInputs{r.Revision, strings.Join(values, "\n"), resolved.chart, k.spec.IsUpgrade, cluster}, resolved.doubt, chartWanted
}

// resolve finds the chart of a release again if the release or the objects that charts come from have
// changed.
func (c *chartImages) resolve(s *pin.Snapshot, k *knownChart, kept *keptRelease) {
	version := c.sources.version
	if version != 0 && k.resolved.kept == kept && k.resolved.sources == version {
		return
	}
	k.resolved = resolvedChart{kept: kept, sources: version, ref: c.sources.resolver.Reference(k.spec)}
	k.resolved.chart, k.resolved.doubt, k.resolved.state = c.sources.resolve(s, k.spec)
}

// of returns what is known of the chart of a release: at first, what the last report has of it.
func (c *chartImages) of(s *pin.Snapshot, r *pin.Release, spec *convert.ChartSpec) *knownChart {
	k, ok := c.known.Get(r.ID)
	if !ok {
		k = &knownChart{}
		if images := pin.ChartImagesOf(s.Memory.ChartOf(r.ID)); images != nil {
			k.found, k.rendered, k.digest = images, images, images.Entry.Inputs
		}
		c.known.Put(r.ID, k)
	}
	switch {
	case spec != nil:
		k.spec, k.revision = spec, r.Revision
	case k.revision != r.Revision:
		k.spec = nil
	}
	return k
}

// isKnown reports whether the images were found with these inputs.
func (c *chartImages) isKnown(k *knownChart, inputs chartInputs) bool {
	switch {
	case k.inputs == inputs && k.failures == 0:
		return true
	case k.inputs != (chartInputs{}), k.digest == "", k.digest != c.digestOf(&inputs):
		return false
	default:
		k.inputs = inputs
		return true
	}
}

// digestOf returns a digest of inputs.
func (c *chartImages) digestOf(inputs *chartInputs) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %+v", c.version, *inputs))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// with returns what was found, with a doubt: the same pointer as long as both are the same.
func (k *knownChart) with(doubt string) *pin.ChartImages {
	if k.attached != nil && k.doubt == doubt {
		return k.attached
	}
	switch found := k.found; {
	case doubt == "":
		k.attached = found
	case found == nil:
		k.attached = &pin.ChartImages{Problems: []v1alpha1.Problem{chartNotRead(doubt)}}
	default:
		k.attached = found.WithDoubt(chartNotRead(doubt))
	}
	k.doubt = doubt
	return k.attached
}

func chartNotRead(why string) v1alpha1.Problem {
	return v1alpha1.Problem{
		Reason: v1alpha1.ReasonChartNotRead, Message: "images that only the chart names may be missing, because the chart is not known: " + why,
	}
}
