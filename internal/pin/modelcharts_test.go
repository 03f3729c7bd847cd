package pin_test

import (
	"fmt"
	"maps"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// The charts of the model. What a chart names is only known once a process has rendered it, which it
// does beside its plans: late, with another result than before, or not at all. Owed is what was
// rendered last and published.

// modelDefault is the tag that a chart's defaults name for the image, which nobody needs.
const modelDefault = "default"

// modelChart is the chart of a release. It is comparable.
type modelChart struct {
	// tag is the one that it names for the image; empty, it names none.
	tag string
	// fails is set if it cannot be rendered, and lost if it cannot be fetched.
	fails, lost bool
	// sealed is set if some of the release's values come from a Secret, so that the report does not
	// have what it names.
	sealed bool
}

// render returns what a process finds in the chart; nil, it cannot be fetched.
func (c *modelChart) render() *pin.ChartImages {
	if c.lost {
		return nil
	}
	found := &pin.ChartImages{Rendered: !c.fails}
	tag := c.tag
	if c.fails {
		tag, found.Problems = modelDefault, []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRendered}}
	}
	if tag != "" {
		found.Mentions = []image.Mention{{Path: image.ChartPath + " Deployment/app", Reference: modelImage(tag), Secret: c.sealed}}
	}
	inputs := ""
	if !c.sealed {
		inputs = fmt.Sprintf("sha256:%+v", *c)
	}
	found.SetEntry("HelmChart apps/app", tag, inputs)
	return found
}

// seenChart is what a process knows of a chart when it plans.
type seenChart struct {
	// isPending is set before it was rendered or has failed for the first time.
	isPending bool
	// isRendered is set if it was rendered, by this process or by the one whose report it has read, and
	// tag is what it named then.
	isRendered bool
	tag        string
	// isInherited is set if only the pins on the list tell what it named: the report could not have it,
	// and this process has not rendered it yet. Then nothing is owed because of it that is not already:
	// the pins may have been removed since, because the release was disabled or proven live for a
	// time, or because somebody has deleted the list.
	isInherited bool
	// hasDefaults is set if it was searched for its defaults instead.
	hasDefaults bool
}

// tags are what a release refers to by its chart.
func (c *seenChart) tags() []string {
	var tags []string
	if c.isRendered && c.tag != "" {
		tags = append(tags, c.tag)
	}
	if c.hasDefaults {
		tags = append(tags, modelDefault)
	}
	return tags
}

// adds are the tags of which a process that sees the chart learns that the release refers to them.
func (c *seenChart) adds() []string {
	if c.isInherited {
		return nil
	}
	return c.tags()
}

// knownChart is what a process keeps of the chart of a release, and uses as the controller does.
type knownChart struct {
	found, rendered *pin.ChartImages
	notRead         bool
	// seen is the same as the specification has it, and mayRead is set if it is to be rendered.
	seen    seenChart
	mayRead bool
}

// take takes what was found in a chart.
func (k *knownChart) take(c *modelChart) {
	images := c.render()
	k.notRead = images == nil
	if k.seen.isPending = false; images == nil {
		return
	}
	k.seen.hasDefaults = c.fails
	if images.Rendered {
		k.rendered = images
		k.seen.isRendered, k.seen.tag, k.seen.isInherited = true, c.tag, false
	}
	k.found = images.After(k.rendered)
}

// attach adds to a release what its chart names.
func (k *knownChart) attach(release *pin.Release) {
	release.Rendered, release.ChartPending, release.ChartStale, release.ChartUnread = k.found, k.found == nil && !k.notRead, k.notRead, k.rendered == nil
	if k.notRead {
		doubt := v1alpha1.Problem{Reason: v1alpha1.ReasonChartNotRead}
		if release.Rendered == nil {
			release.Rendered = &pin.ChartImages{}
		}
		release.Rendered = release.Rendered.WithDoubt(doubt)
	}
}

// chartOf returns what a process knows of the chart of a release: at first, what the report has.
func (p *modelProcess) chartOf(name string) *knownChart {
	k, ok := p.charts[name]
	if !ok {
		k = &knownChart{seen: seenChart{isPending: true}}
		if images := pin.ChartImagesOf(p.known.ChartOf(modelID(name))); images != nil {
			k.found, k.rendered, k.seen.isPending = images, images, false
		}
		if tag, ok := p.inherited[name]; ok {
			k.seen.isRendered, k.seen.tag, k.seen.isInherited = true, tag, k.found != nil && k.found.Unknown
		}
		if p.charts == nil {
			p.charts = map[string]*knownChart{}
		}
		p.charts[name] = k
	}
	return k
}

// attachCharts adds to the releases of a snapshot what their charts name, and notes it in what was
// seen. Of those that the snapshot does not need, the process keeps nothing.
func (p *modelProcess) attachCharts(s *pin.Snapshot, seen *modelCluster, isWanted map[string]bool) {
	p.isWaiting = false
	for i := range s.Releases {
		release := &s.Releases[i]
		name := release.Name.Name
		r := seen.releases[name]
		if r.seenChart = (seenChart{}); isWanted[name] {
			k := p.chartOf(name)
			k.attach(release)
			k.mayRead = r.suspended && !r.disabled || !s.AllReleases
			p.isWaiting = p.isWaiting || release.ChartPending && k.mayRead
			r.seenChart = k.seen
		}
		seen.releases[name] = r
	}
	maps.DeleteFunc(p.charts, func(name string, _ *knownChart) bool { return !isWanted[name] })
	maps.DeleteFunc(p.inherited, func(name string, _ string) bool { return !isWanted[name] })
}

// renderCharts makes a process render the charts of the releases that its last plan was about.
func (m *model) renderCharts(p *modelProcess) {
	p.renderedAt = m.now
	for name, k := range p.charts {
		if r, exists := m.cluster.releases[name]; exists && k.mayRead {
			k.take(&r.chart)
		}
	}
}

// chartsIn are the tags that charts were found to name, as a report has them: of the releases that
// are in it.
func chartsIn(r *v1alpha1.PinReport, seen *modelCluster) map[string]string {
	charts := map[string]string{}
	for i := range r.Releases {
		name := r.Releases[i].Name
		if c := seen.releases[name].seenChart; c.isRendered {
			charts[name] = c.tag
		}
	}
	return charts
}

// editChart changes the chart of a release that exists, which changes nothing of the release itself.
func (m *model) editChart(change func(*modelChart)) {
	name := m.someRelease()
	if r, exists := m.cluster.releases[name]; exists {
		change(&r.chart)
		m.cluster.releases[name] = r
	}
}

// someChartTag is a tag that a chart names, or none.
func (m *model) someChartTag() string {
	return rapid.SampledFrom(append(modelTags(), "")).Draw(m.T, "chart")
}

// someChart is the chart of a new release.
func (m *model) someChart() modelChart {
	return modelChart{tag: m.someChartTag(), sealed: rapid.Bool().Draw(m.T, "sealed")}
}

// chartActions are what may happen to charts.
func (m *model) chartActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"edit chart":  func(*rapid.T) { tag := m.someChartTag(); m.editChart(func(c *modelChart) { c.tag = tag }) },
		"break chart": func(*rapid.T) { m.editChart(func(c *modelChart) { c.fails = !c.fails }) },
		"lose chart":  func(*rapid.T) { m.editChart(func(c *modelChart) { c.lost = !c.lost }) },
		"seal values": func(*rapid.T) { m.editChart(func(c *modelChart) { c.sealed = !c.sealed }) },
		"render":      func(*rapid.T) { m.renderCharts(m.someProcess()) },
	}
}
