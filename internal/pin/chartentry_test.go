package pin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// drawMention draws an image as it is found in manifests.
func drawMention(t *rapid.T) image.Mention {
	text := rapid.SampledFrom([]string{"nginx", "g.io/o/app", "G.io:443/O/App", "localhost:5000/x", "docker.io/library/web"}).Draw(t, "repository") +
		rapid.SampledFrom([]string{"", ":v1", ":V1.2-rc.1_x"}).Draw(t, "tag") +
		rapid.SampledFrom([]string{"", "", "@sha256:" + strings.Repeat("0a", 32)}).Draw(t, "digest")
	ref, err := image.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return image.Mention{
		Path:      rapid.SampledFrom([]string{"chart", "chart Deployment/web.spec.template.spec.containers[0].image", `chart ConfigMap/a.data["b=\"<c>"]`}).Draw(t, "path"),
		Reference: ref, Hostless: rapid.Bool().Draw(t, "hostless"), Implied: rapid.Bool().Draw(t, "implied"),
	}
}

// drawUnused draws an image of the values that the chart does not use.
func drawUnused(t *rapid.T) image.Reference {
	return rapid.SampledFrom([]image.Reference{
		{Tag: "v1"},
		{Tag: "localhost"},
		{Tag: "5000"},
		{Tag: "_.-"},
		{Repository: image.Repository{Host: "docker.io", Path: "library/nginx"}},
		{Repository: image.Repository{Host: "g.io:5000", Path: "o/app"}},
		{Repository: image.Repository{Host: "localhost", Path: "x"}},
	}).Draw(t, "unused")
}

// throughReport returns what a process finds in the report that another one has written of a release's
// chart.
func throughReport(t fataler, chart *pin.ChartImages) *pin.ChartImages {
	t.Helper()
	release := suspended("a", "g.io/o/a:1")
	release.Rendered = chart
	report := pin.Plan(&pin.Snapshot{Releases: []pin.Release{release}}, pin.Options{})
	var kept published
	kept.writeList(t, report, "1")
	kept.writeReport(t, report)
	memory := kept.load(nil)
	return pin.ChartImagesOf(memory.ChartOf(release.ID))
}

// What a chart was found to name is the same after a restart: every image with all that its links and
// problems depend on, and what is not used.
func TestChartEntryIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chart := &pin.ChartImages{
			Rendered: true, Mentions: rapid.SliceOf(rapid.Custom(drawMention)).Draw(t, "mentions"), Unused: rapid.SliceOf(rapid.Custom(drawUnused)).Draw(t, "unused"),
		}
		found := *chart
		chart.SetEntry("HelmChart apps/a", "1.0.0", "sha256:0")
		if !slices.Equal(chart.Mentions, found.Mentions) || !slices.Equal(chart.Unused, found.Unused) {
			t.Fatalf("got %+v, want %+v", chart, found)
		}
		got := throughReport(t, chart)
		if got == nil || !got.Rendered || got.Unknown || !slices.Equal(got.Mentions, chart.Mentions) || !slices.Equal(got.Unused, chart.Unused) {
			t.Fatalf("got %+v, want %+v", got, chart)
		}
		if e := got.Entry; e.Source != "HelmChart apps/a" || e.Revision != "1.0.0" || e.Inputs != "sha256:0" {
			t.Fatalf("got %+v", e)
		}
	})
}

// Of a chart whose images the report may not have, or not in full, it has none at all, but that it
// was rendered; of one that was never rendered it has nothing.
func TestChartEntryWithoutImages(t *testing.T) {
	web := image.Mention{Path: "chart", Reference: app("v1")}
	secret := web
	secret.Secret = true
	ambiguous := image.Mention{Path: "chart", Reference: image.Reference{Tag: "v1"}}
	unused := []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "of/a/secret"}}}
	tests := map[string]struct {
		chart  pin.ChartImages
		inputs string
		want   bool
	}{
		"values of a Secret":                       {pin.ChartImages{Rendered: true, Mentions: []image.Mention{web, secret}, Unused: unused}, "sha256:0", true},
		"values of a Secret that names no image":   {pin.ChartImages{Rendered: true, Unused: unused}, "", true},
		"values of a Secret, and an image of none": {pin.ChartImages{Rendered: true, Mentions: []image.Mention{web}, Unused: unused}, "", true},
		"a problem":               {pin.ChartImages{Rendered: true, Mentions: []image.Mention{web}, Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRendered}}}, "sha256:0", true},
		"more than there is room": {pin.ChartImages{Rendered: true, Mentions: slices.Repeat([]image.Mention{web}, budget.ChartEntry/len(web.String()))}, "sha256:0", true},
		"a tag without an image":  {pin.ChartImages{Rendered: true, Mentions: []image.Mention{web, ambiguous}}, "sha256:0", true},
		"not rendered":            {pin.ChartImages{Mentions: []image.Mention{web}}, "sha256:0", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.chart.SetEntry("HelmChart apps/a", "1.0.0", test.inputs)
			if e := test.chart.Entry; (e != nil) != test.want || e != nil && len(e.Inputs)+len(e.Images)+len(e.Unused) > 0 {
				t.Fatalf("the report has %+v", e)
			}
			got := throughReport(t, &test.chart)
			if (got != nil) != test.want || got != nil && (!got.Unknown || got.Rendered || len(got.Mentions)+len(got.Unused) > 0) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// rendered is a chart that was rendered, and names these tags of g.io/o/app.
func rendered(tags ...string) *pin.ChartImages {
	c := &pin.ChartImages{Rendered: true}
	for i, tag := range tags {
		c.Mentions = append(c.Mentions, image.Mention{Path: fmt.Sprintf("chart Deployment/app.spec.template.spec.containers[%d].image", i), Reference: app(tag)})
	}
	c.SetEntry("HelmChart apps/app", "1.0.0", "sha256:"+strings.Join(tags, " "))
	return c
}

// failing is a chart that cannot be rendered, whose defaults name a tag.
func failing(tag string) *pin.ChartImages {
	c := &pin.ChartImages{Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRendered}}}
	c.Mentions = []image.Mention{{Path: "chart values.image", Reference: app(tag)}}
	c.SetEntry("HelmChart apps/app", "2.0.0", "sha256:failing")
	return c
}

// chartStep is a plan of a story about a chart: what is known of it then, for how long that is so,
// and what is pinned at its end.
type chartStep struct {
	chart     *pin.ChartImages
	isPending bool
	// restart makes the chart what a process has from the report that was started then, and then what
	// is in chart, after that.
	restart bool
	passes  int
	want    string
	reasons string
}

// What is pinned of a chart while it is rendered late, fails, or is not known, each for longer than the
// grace.
func TestChartOverTime(t *testing.T) {
	const hours = 121 // passes of a minute, with the grace of an hour
	sealed := rendered("v1")
	sealed.Mentions[0].Secret = true
	sealed.SetEntry("HelmChart apps/app", "1.0.0", "")
	notRead := v1alpha1.Problem{Reason: v1alpha1.ReasonChartNotRead}
	tests := map[string][]chartStep{
		"it cannot be rendered any more": {
			{chart: rendered("v1"), passes: 1, want: "v0 v1"},
			{chart: failing("v9").After(rendered("v1")), passes: hours, want: "v0 v1 v9", reasons: "ChartNotRendered"},
			{chart: rendered("v2"), passes: hours, want: "v0 v2"},
		},
		"it was never rendered": {
			{chart: failing("v8"), passes: 1, want: "v0 v8", reasons: "ChartNotRendered"},
			{chart: failing("v9"), passes: hours, want: "v0 v9", reasons: "ChartNotRendered"},
		},
		"it cannot be fetched any more": {
			{chart: rendered("v1"), passes: 1, want: "v0 v1"},
			{chart: rendered("v1").WithDoubt(notRead), passes: hours, want: "v0 v1", reasons: "ChartNotRead"},
		},
		"it is rendered again after a restart": {
			{chart: rendered("v1"), passes: 1, want: "v0 v1"},
			{isPending: true, passes: hours, want: "v0 v1"},
			{chart: rendered("v2"), passes: 1, want: "v0 v1 v2"},
			{chart: rendered("v2"), passes: hours, want: "v0 v2"},
		},
		"it fails after a restart": {
			{chart: rendered("v1"), passes: 1, want: "v0 v1"},
			{restart: true, passes: hours, want: "v0 v1"},
			{restart: true, chart: failing("v9"), passes: hours, want: "v0 v1 v9", reasons: "ChartNotRendered"},
			{restart: true, chart: failing("v9"), passes: hours, want: "v0 v1 v9", reasons: "ChartNotRendered"},
			{chart: rendered("v2"), passes: hours, want: "v0 v2"},
		},
		"it fails after a restart, and the report may not have what it named": {
			{chart: sealed, passes: 1, want: "v0 v1"},
			{restart: true, passes: hours, want: "v0 v1"},
			{restart: true, chart: failing("v9"), passes: hours, want: "v0 v1 v9", reasons: "ChartNotRendered"},
			{restart: true, chart: failing("v9"), passes: hours, want: "v0 v1 v9", reasons: "ChartNotRendered"},
			{chart: rendered("v2"), passes: hours, want: "v0 v2"},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			release := suspended("app", "g.io/o/app:v0")
			release.TargetNamespace = "apps"
			s := newStory(t, release)
			for i := range steps {
				s.chartStep(i, &steps[i])
			}
		})
	}
}

func (s *story) chartStep(i int, step *chartStep) {
	s.t.Helper()
	r := &s.releases[0]
	r.Rendered, r.ChartPending = step.chart, step.isPending
	if step.restart {
		memory := s.kept.load(nil)
		r.Rendered = pin.ChartImagesOf(memory.ChartOf(r.ID))
		if step.chart != nil {
			r.Rendered = step.chart.After(r.Rendered)
		}
	}
	var report *v1alpha1.PinReport
	for range step.passes {
		report = s.pass(time.Minute)
	}
	want := "container/app==" + strings.ReplaceAll(step.want, " ", "\ncontainer/app==") + "\n"
	if got := lines(report); got != want {
		s.t.Errorf("step %d: got\n%swant\n%s", i, got, want)
	}
	var reasons []string
	for _, reason := range problems(report, "apps", "app") {
		reasons = append(reasons, string(reason))
	}
	if got := strings.Join(reasons, " "); got != step.reasons {
		s.t.Errorf("step %d: the problems are %q, want %q", i, got, step.reasons)
	}
}

// What the chart of a release that fell asleep names counts as run when it is rendered for the first
// time, and what it names later does not.
func TestChartShowsWhatRan(t *testing.T) {
	release := suspended("app", "g.io/o/app:v0")
	release.TargetNamespace, release.HasRun, release.ChartPending = "apps", true, true
	s := newStory(t, release)
	s.expectFor(3*time.Hour, "container/app==v0")
	s.releases[0].ChartPending = false
	for _, tag := range []string{"v1", "v2", "v3"} {
		s.releases[0].Rendered = rendered(tag)
		s.pass(time.Minute)
	}
	for range 121 {
		s.pass(time.Minute)
	}
	report := s.pass(time.Minute)
	if got, want := lines(report), "container/app==v0\ncontainer/app==v1\ncontainer/app==v3\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := report.Releases[0].Ran, []string{"container/app==v0", "container/app==v1"}; !slices.Equal(got, want) {
		t.Errorf("ran are %v, want %v", got, want)
	}
}

// A release that was resumed is live on a tag that pods run, but not on another one of the image as long
// as its chart is still to be rendered, which may name that one.
func TestPendingChartIsNotLive(t *testing.T) {
	release := suspended("app", "g.io/o/app:v0")
	release.TargetNamespace, release.Rendered = "apps", rendered("v1")
	s := newStory(t, release)
	s.expect("container/app==v0 container/app==v1")
	r := &s.releases[0]
	r.Suspended, r.Ready, r.Rendered, r.ChartPending = false, true, nil, true
	s.expectFor(time.Hour, "container/app==v0 container/app==v1", ownPod(app("v0")))
	s.pass(time.Minute, ownPod(app("v0")))
	s.expectFor(3*time.Hour, "container/app==v1", ownPod(app("v0")))
	r.Rendered, r.ChartPending = rendered(), false
	s.expectFor(time.Hour, "container/app==v1", ownPod(app("v0")))
	s.pass(time.Minute, ownPod(app("v0")))
	s.expect("", ownPod(app("v0")))
}

// A release whose chart is still to be rendered may have needed a pin of unknown owners: it stays, and
// so does what the release's values name, until the release is proven live.
func TestPendingChartMayOwnUnknownPins(t *testing.T) {
	release := pin.Release{ID: id("apps", "app"), TargetNamespace: "apps", ChartPending: true, Inputs: imagesIn(map[string]any{"image": "g.io/o/web:v2"})}
	s := newStory(t, release)
	s.kept = handWritten()
	s.expectFor(3*time.Hour, "container/web==v1 container/web==v2")
	s.releases[0].ChartPending = false
	s.releases[0].Ready = true
	s.expectFor(time.Hour, "container/web==v1 container/web==v2", ownPod(image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/web"}, Tag: "v2"}))
}
