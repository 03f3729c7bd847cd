package pin

import (
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

func mention(path, host, repository, tag string) image.Mention {
	return image.Mention{Path: path, Reference: image.Reference{Repository: image.Repository{Host: host, Path: repository}, Tag: tag}}
}

// withChart plans a suspended release with images in its values and its chart, and returns its pins
// and the reasons of its problems.
func withChart(values []image.Mention, chart *ChartImages) (pins, problems []string) {
	report := Plan(&Snapshot{
		Policies:     []link.Policy{{Name: object.Name{Namespace: "a", Name: "app"}, Repository: object.Name{Namespace: "a", Name: "app"}, LatestImage: "g.io/team/app", LatestTag: "v9"}},
		Repositories: []link.Repository{{Name: object.Name{Namespace: "a", Name: "app"}, Image: "g.io/team/app"}},
		Releases: []Release{{
			ID: object.ID{Kind: "HelmRelease", Name: object.Name{Namespace: "a", Name: "r"}}, Suspended: true,
			Inputs: Inputs{Images: &ReleaseImages{Mentions: values}, Rendered: chart},
		}},
	}, Options{})
	for _, p := range report.Releases[0].Problems {
		problems = append(problems, string(p.Reason))
	}
	return report.Releases[0].Pins, problems
}

func TestChartImages(t *testing.T) {
	hostless := mention("v", "docker.io", "team/web", "")
	hostless.Hostless = true
	bare := mention("v", "docker.io", "library/web", "")
	bare.Hostless = true
	web := mention("chart", "g.io", "team/web", "v1")
	tests := map[string]struct {
		values         []image.Mention
		chart          *ChartImages
		pins, problems string
	}{
		"what only the chart names":              {chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1"},
		"links are made from it":                 {chart: &ChartImages{Rendered: true, Mentions: []image.Mention{mention("chart", "g.io", "team/app", "v1")}}, pins: "container/app==v1 container/app==v9"},
		"what only the values name":              {values: []image.Mention{mention("v", "g.io", "team/x", "v1")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1 container/x==v1"},
		"a tag that the chart has":               {values: []image.Mention{mention("v", "g.io", "team/web", "")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1"},
		"a registry that the chart has":          {values: []image.Mention{hostless}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1"},
		"an owner that the chart has":            {values: []image.Mention{bare}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1"},
		"a repository that the chart has":        {values: []image.Mention{mention("v", "", "", "v1")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1"},
		"a tag of an image that the values name": {values: []image.Mention{mention("v", "", "", "v1"), mention("v.web", "docker.io", "team/web", "v1")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1", problems: "NoRepository"},
		"a tag that stands beside an image": {
			values: []image.Mention{mention("v", "", "", "v1"), {Reference: web.Reference, Beside: "tag"}},
			chart:  &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1",
		},
		"another tag":                       {values: []image.Mention{mention("v", "", "", "v2")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1", problems: "NoRepository"},
		"another repository":                {values: []image.Mention{mention("v", "g.io", "team/web2", "")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1", problems: "NoTag"},
		"another registry":                  {values: []image.Mention{mention("v", "h.io", "team/web", "")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}}, pins: "container/web==v1", problems: "NoTag"},
		"what the chart does not use":       {values: []image.Mention{mention("v", "g.io", "team/off", "")}, chart: &ChartImages{Rendered: true, Mentions: []image.Mention{web}, Unused: []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "team/off"}}}}, pins: "container/web==v1"},
		"a chart that was not rendered":     {values: []image.Mention{mention("v", "g.io", "team/web", "")}, chart: &ChartImages{Mentions: []image.Mention{web}, Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRendered}}}, pins: "container/web==v1", problems: "ChartNotRendered NoTag"},
		"a chart that is not known":         {values: []image.Mention{mention("v", "g.io", "team/web", "v3")}, pins: "container/web==v3"},
		"a digest that the chart alone has": {chart: &ChartImages{Rendered: true, Mentions: []image.Mention{{Reference: image.Reference{Repository: web.Repository, Digest: "sha256:0"}}}}, problems: "NoPin NoTag"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pins, problems := withChart(test.values, test.chart)
			slices.Sort(problems)
			if got := strings.Join(pins, " "); got != test.pins || strings.Join(problems, " ") != test.problems {
				t.Errorf("got %s, %v; want %s, %s", got, problems, test.pins, test.problems)
			}
		})
	}
}

// Files with values are read with the chart: they are a problem until it is rendered.
func TestChartReadsValuesFiles(t *testing.T) {
	for want, chart := range map[string]*ChartImages{
		"ValuesNotRead": {Mentions: []image.Mention{mention("chart", "g.io", "team/web", "v1")}}, "": {Rendered: true, Mentions: []image.Mention{mention("chart", "g.io", "team/web", "v1")}},
	} {
		report := Plan(&Snapshot{Releases: []Release{{
			ID: object.ID{Kind: "HelmRelease", Name: object.Name{Namespace: "a", Name: "r"}}, Suspended: true,
			Inputs: Inputs{Images: &ReleaseImages{Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonValuesNotRead, Field: ValuesFilesField}}}, Rendered: chart},
		}}}, Options{})
		got := ""
		for _, p := range report.Releases[0].Problems {
			got += string(p.Reason)
		}
		if got != want {
			t.Errorf("the chart is rendered: %t; got %q, want %q", chart.Rendered, got, want)
		}
	}
}

// The registry of an image without one is not assumed if the manifests have it.
func TestChartImagesNameRegistries(t *testing.T) {
	web := mention("v", "docker.io", "team/web", "v1")
	web.Hostless = true
	for reason, chart := range map[string]*ChartImages{
		"RegistryAssumed": nil, "": {Rendered: true, Mentions: []image.Mention{mention("chart", "g.io", "team/web", "v1")}},
	} {
		report := Plan(&Snapshot{Releases: []Release{{
			ID: object.ID{Kind: "HelmRelease", Name: object.Name{Namespace: "a", Name: "r"}}, Suspended: true,
			Inputs: Inputs{Images: &ReleaseImages{Mentions: []image.Mention{web}}, Rendered: chart},
		}}}, Options{Registries: []Registry{{Host: "g.io", Type: "container"}}})
		problems := report.Releases[0].Problems
		if len(problems) > 0 != (reason != "") || len(problems) > 0 && string(problems[0].Reason) != reason {
			t.Errorf("got %v, want %s", problems, reason)
		}
	}
}

// Another chart is another input: what the release needs is computed again.
func TestChartImagesAreInputs(t *testing.T) {
	planner := NewPlanner(Options{})
	s := func(tag string) *Snapshot {
		return &Snapshot{Releases: []Release{{
			ID: object.ID{Kind: "HelmRelease", Name: object.Name{Namespace: "a", Name: "r"}}, Suspended: true,
			Inputs: Inputs{Images: none, Rendered: &ChartImages{Rendered: true, Mentions: []image.Mention{mention("chart", "g.io", "team/web", tag)}}},
		}}}
	}
	for _, tag := range []string{"v1", "v2"} {
		report := planner.Plan(s(tag))
		if pins := report.Releases[0].Pins; !slices.Contains(pins, "container/web=="+tag) {
			t.Errorf("got %v", pins)
		}
	}
}

var none = &ReleaseImages{}
