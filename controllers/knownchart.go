package controllers

import (
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// knownChart is what is known of a release's chart: what the release asks for, what was found in the
// chart, and how the last try to find it has ended.
type knownChart struct {
	asked askedChart
	found foundImages
	try   chartTry
}

// askedChart is what a release asks for.
type askedChart struct {
	// spec is that of the release at this revision; nil, the release is to be read.
	spec     *convert.ChartSpec
	revision string
	// resolved is the chart that it would be installed from, as the cache and the sources were then.
	resolved resolvedChart
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

// observe takes what a release asks for at a revision; nil, it is not known.
func (a *askedChart) observe(spec *convert.ChartSpec, revision string) {
	switch {
	case spec != nil:
		a.spec, a.revision = spec, revision
	case a.revision != revision:
		a.spec = nil
	}
}

// foundImages are the images that were found in a chart.
type foundImages struct {
	// latest are nil before the chart was rendered or could not be; rendered are those that were rendered
	// last.
	latest, rendered *pin.ChartImages
	// digest is that of the inputs, if they are those that the last report had.
	digest string
	// attached are the latest with a doubt; nil, nobody has asked.
	attached *pin.ChartImages
	doubt    string
}

// take takes what was found now; nil, the chart could not be fetched.
func (f *foundImages) take(images *pin.ChartImages) {
	if images == nil {
		return
	}
	if images.Rendered {
		f.rendered = images
	}
	f.latest, f.attached, f.digest = images.After(f.rendered), nil, ""
}

// kept is how many images are kept of a chart.
func (f *foundImages) kept() int {
	if f.rendered == nil {
		return 0
	}
	return len(f.rendered.Mentions)
}

// with returns the latest images with a doubt: the same pointer as long as both are the same.
func (f *foundImages) with(doubt string) *pin.ChartImages {
	if f.attached != nil && f.doubt == doubt {
		return f.attached
	}
	switch {
	case doubt == "":
		f.attached = f.latest
	case f.latest == nil:
		f.attached = &pin.ChartImages{Problems: []v1alpha1.Problem{chartNotRead(doubt)}}
	default:
		f.attached = f.latest.WithDoubt(chartNotRead(doubt))
	}
	f.doubt = doubt
	return f.attached
}

func chartNotRead(why string) v1alpha1.Problem {
	return v1alpha1.Problem{
		Reason: v1alpha1.ReasonChartNotRead, Message: "images that only the chart names may be missing, because the chart is not known: " + why,
	}
}

// chartTry is how the last try to fetch and render a chart has ended.
type chartTry struct {
	// inputs are those that it was tried with; empty, it was not tried yet.
	inputs chartInputs
	// notRead is why the chart could not be fetched; empty, it was. isUnanswered is set if the API server
	// could not be asked for what was needed for that.
	notRead      string
	isUnanswered bool
	// failures is how often in a row it has failed for reasons that may pass, and retry when it is tried
	// again.
	failures int
	retry    time.Time
	// staleSince is since when the images are not known as they are now, and are to be; zero, that is not so.
	staleSince time.Time
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

// end takes how a try has ended, and returns after what time it is made again; zero, when the inputs have
// changed.
func (t *chartTry) end(result *renderedChart) time.Duration {
	if result.inputs != t.inputs {
		t.failures = 0
	}
	t.inputs, t.notRead, t.isUnanswered, t.retry = result.inputs, result.notRead, result.isUnanswered, time.Time{}
	if result.retryIn == 0 {
		t.failures = 0
		return 0
	}
	t.failures++
	delay := min(maxRetry(result), result.retryIn<<min(t.failures-1, 10))
	t.retry = time.Now().Add(delay)
	return delay
}

// isPaused reports whether a try with these inputs has failed, and is not made again yet.
func (t *chartTry) isPaused(inputs *chartInputs) bool {
	return t.inputs == *inputs && time.Now().Before(t.retry)
}

// isGivenUp reports whether the chart could not be fetched with these inputs, and what serves it is not only away
// for a moment. What the API server has is waited for as long as it takes.
func (t *chartTry) isGivenUp(inputs *chartInputs) bool {
	return t.inputs == *inputs && t.notRead != "" && !t.isUnanswered && (t.failures == 0 || t.failures > fetchRetries)
}

// awaits reports whether a chart that is stale is waited for: it is another one than was tried last, or could not be
// fetched, and is not given up.
func (t *chartTry) awaits(inputs *chartInputs) bool {
	hasMoved := t.inputs.chart != (charts.Chart{}) && t.inputs.chart != inputs.chart
	return (hasMoved || t.notRead != "") && !t.isGivenUp(inputs)
}

// overdue returns the doubt about a chart that is stale, and was for so long that somebody should know.
func (t *chartTry) overdue(isStale bool) (doubt string) {
	switch now := time.Now(); {
	case !isStale:
		t.staleSince = time.Time{}
	case t.staleSince.IsZero():
		t.staleSince = now
	case now.Sub(t.staleSince) >= chartPatience:
		return "pinsync has not rendered it as it is now yet"
	}
	return ""
}

// maxRetry returns how long after a failure a chart is tried again at the latest. One that could not be
// rendered mostly cannot be rendered ever, unless the process was ended for the memory of others.
func maxRetry(result *renderedChart) time.Duration {
	if result.images != nil {
		return time.Hour
	}
	return time.Minute
}

const (
	// fetchRetries is how often a chart that could not be fetched is tried again before the list is complete
	// without it: after 10 and 20 more seconds.
	fetchRetries = 2

	// renderRetry is when a chart that could not be rendered is tried again for the first time.
	renderRetry = 10 * time.Minute
)
