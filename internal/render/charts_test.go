package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// Charts are kept up to the budget: the last ones, and none beside one that is too large.
func TestChartsKept(t *testing.T) {
	var charts Charts
	render := func(name string, size int) {
		t.Helper()
		rendered, err := charts.Render(&Input{Archive: chart(t, files{"padding": strings.Repeat("x", size), "templates/a.yaml": pod("a", name+":1")})})
		if err != nil {
			t.Fatal(err)
		}
		if got := images(rendered.Objects); len(got) != 1 || got[0] != name+":1" {
			t.Errorf("got %v, want %s:1", got, name)
		}
	}
	const share = budget.LoadedCharts / 4 // three of them, with their other files, fit
	render("first", share)
	first := maps.Clone(charts.kept)
	for i := range 5 {
		render("first", share)
		render(fmt.Sprint("other", i), share)
		if charts.size() > budget.LoadedCharts {
			t.Fatalf("%d bytes are kept", charts.size())
		}
	}
	if len(charts.kept) != 3 {
		t.Errorf("%d charts are kept, want 3", len(charts.kept))
	}
	for key, chart := range first {
		if charts.kept[key] != chart {
			t.Error("a chart that was used all the time was loaded again")
		}
	}
	render("large", budget.LoadedCharts)
	if len(charts.kept) != 0 || charts.size() != 0 {
		t.Errorf("beside a large chart %d charts of %d bytes are kept", len(charts.kept), charts.size())
	}
}

// What a chart's values take when they are decoded counts, not only the file that has them.
func TestChartsKeptByTheirValues(t *testing.T) {
	var charts Charts
	_, err := charts.Render(&Input{Archive: chart(t, files{
		"values.yaml": "a: &a \"" + strings.Repeat("x", 800) + "\"\nlist: [" + strings.Repeat("*a,", 40_000) + "]\n", "templates/a.yaml": pod("a", "a:1"),
	})})
	if err != nil || len(charts.kept) != 0 {
		t.Errorf("%v; %d charts of %d bytes are kept", err, len(charts.kept), charts.size())
	}
}

// Releases of one chart do not see each other's valuesFiles, values, or sub-charts that are off.
func TestChartsAreNotMixed(t *testing.T) {
	// The sub-chart db is not named in Chart.yaml: Helm copies those that are.
	archive := chart(t, files{
		"Chart.yaml":                        "apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4.5\"\ndependencies: [{name: other, version: 0.x}]\n",
		"values.yaml":                       "image: {repository: app}\n",
		"a.yaml":                            "image: {repository: of-a}\n",
		"b.yaml":                            "image: {repository: of-b}\n",
		"templates/app.yaml":                pod("app", "{{ .Values.image.repository }}:{{ .Values.image.tag | default `none` }}"),
		"charts/db/Chart.yaml":              subchart("db") + "dependencies: [{name: inner, version: 0.x, condition: inner.enabled}]\n",
		"charts/db/charts/inner/Chart.yaml": subchart("inner"),
		"charts/db/charts/inner/templates/a.yaml": pod("inner", "inner:1"),
	})
	var charts Charts
	if _, got, err := charts.Defaults(&Input{Archive: archive}); err != nil || fmt.Sprint(got["image"]) != "map[repository:app tag:4.5]" {
		t.Fatal(got, err)
	}
	for _, test := range []struct {
		valuesFiles []string
		values      string
		want        []string
	}{
		{want: []string{"app:none", "inner:1"}},
		{values: `{"db":{"inner":{"enabled":false}}}`, want: []string{"app:none"}},
		{values: `{"image":{"tag":"v1"}}`, want: []string{"app:v1", "inner:1"}},
		{valuesFiles: []string{"a.yaml"}, want: []string{"inner:1", "of-a:none"}},
		{valuesFiles: []string{"b.yaml"}, want: []string{"inner:1", "of-b:none"}},
		{want: []string{"app:none", "inner:1"}},
	} {
		rendered, err := charts.Render(&Input{Archive: archive, ValuesFiles: test.valuesFiles, Values: values(t, test.values)})
		if err != nil {
			t.Fatal(err)
		}
		got := images(rendered.Objects)
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%v %s: got %v, want %v", test.valuesFiles, test.values, got, test.want)
		}
	}
}

// A chart that is too large to keep is rendered in all ways, too.
func TestAllWaysOfALargeChart(t *testing.T) {
	var charts Charts
	rendered, err := charts.RenderAll(&Input{Archive: chart(t, files{
		"padding": strings.Repeat("x", budget.LoadedCharts), "crds/a.yaml": crd("x.io", "X", "v1"),
		"templates/a.yaml": pod("a", `a:{{ .Capabilities.APIVersions.Has "x.io/v1" }}`),
	})})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := images(rendered.Objects), []string{"a:false", "a:true"}; !slices.Equal(got, want) || len(charts.kept) != 0 {
		t.Errorf("got %v, want %v; %d charts are kept", got, want, len(charts.kept))
	}
}
