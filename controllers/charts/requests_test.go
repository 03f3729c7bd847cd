package charts_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// sleeping is a release shop/NAME, whose HelmChart is shop/CHART.
func sleeping(name, chart string) charts.Release {
	return charts.Release{
		Name: object.Name{Namespace: "shop", Name: name}, Revision: "1", Suspended: true, HelmChart: object.Name{Namespace: "shop", Name: chart},
	}
}

// made is HelmChart shop/CHART, made for shop/RELEASE; by is empty where helm-controller has taken it over.
func made(chart, release, by string) convert.Source {
	return convert.Source{ID: id(flux.HelmChartKind, chart), Owner: object.Name{Namespace: "shop", Name: release}, RequestedBy: by}
}

const own = "pinsync-system.registry-pins"

// decide decides with releases that exist besides those that are wanted, and describes what is done.
func decide(wanted, others []charts.Release, existing []convert.Source) string {
	r := charts.Requester{By: own, LookUp: resolver(existing...).LookUp, Release: func(name object.Name) (charts.Release, bool) {
		for _, release := range slices.Concat(wanted, others) {
			if release.Name == name {
				return release, true
			}
		}
		return charts.Release{}, false
	}}
	requests := r.Decide(wanted, existing)
	var done []string
	for _, release := range requests.Make {
		done = append(done, "make "+release.HelmChart.Name+" for "+release.Name.Name)
	}
	for _, chart := range requests.Remove {
		done = append(done, "remove "+chart.Name.Name)
	}
	for _, release := range slices.SortedFunc(maps.Keys(requests.Refused), object.Compare) {
		done = append(done, release.Name+": "+requests.Refused[release])
	}
	return strings.Join(done, ", ")
}

func TestRequests(t *testing.T) {
	web := sleeping("web", "shop-web")
	live := web
	live.Suspended = false
	moved := web
	moved.HelmChart.Namespace = "flux-system"
	movedLive := moved
	movedLive.Suspended = false
	withRef := live
	withRef.HelmChart = object.Name{}
	list := func(releases ...charts.Release) []charts.Release { return releases }
	for name, test := range map[string]struct {
		wanted, others []charts.Release
		existing       []convert.Source
		want           string
	}{
		"there is none":                           {list(web), nil, nil, "make shop-web for web"},
		"it was made":                             {list(web), nil, []convert.Source{made("shop-web", "web", own)}, "make shop-web for web"},
		"helm-controller's":                       {list(web), nil, []convert.Source{made("shop-web", "web", "")}, ""},
		"another list's":                          {list(web), nil, []convert.Source{made("shop-web", "web", "other.list")}, ""},
		"somebody's":                              {list(web), nil, []convert.Source{made("shop-web", "", "")}, "web: HelmChart shop/shop-web exists, and is not that of this release"},
		"the release was deleted":                 {nil, nil, []convert.Source{made("shop-web", "web", own)}, "remove shop-web"},
		"deleted, and helm-controller had it":     {nil, nil, []convert.Source{made("shop-web", "web", "")}, ""},
		"deleted, and another list has it":        {nil, nil, []convert.Source{made("shop-web", "web", "other.list")}, ""},
		"it opted out":                            {nil, list(web), []convert.Source{made("shop-web", "web", own)}, "remove shop-web"},
		"it was resumed":                          {nil, list(live), []convert.Source{made("shop-web", "web", own)}, ""},
		"it was resumed with another source":      {nil, list(movedLive), []convert.Source{made("shop-web", "web", own)}, "remove shop-web"},
		"it was resumed with a chartRef":          {nil, list(withRef), []convert.Source{made("shop-web", "web", own)}, "remove shop-web"},
		"it has another source":                   {list(moved), nil, []convert.Source{made("shop-web", "web", own)}, "make shop-web for web, remove shop-web"},
		"two names that compose the same":         {list(sleeping("b", "x"), sleeping("a", "x")), nil, nil, "make x for a, b: HelmChart shop/x is made for HelmRelease shop/a, whose names compose the same"},
		"two such names, and one of them has one": {list(sleeping("a", "x"), sleeping("b", "x")), nil, []convert.Source{made("x", "b", own)}, "make x for b, a: HelmChart shop/x exists, and is not that of this release"},
	} {
		if got := decide(test.wanted, test.others, test.existing); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// A namespace cannot have any number of HelmCharts made. Those that exist stay, whatever their names, and
// other namespaces have theirs.
func TestRequestsOfOneNamespace(t *testing.T) {
	var wanted []charts.Release
	for i := range budget.RequestedCharts + 1 {
		name := fmt.Sprintf("r%04d", i)
		wanted = append(wanted, sleeping(name, name))
	}
	wanted = append(wanted, charts.Release{
		Name: object.Name{Namespace: "other", Name: "web"}, Suspended: true, HelmChart: object.Name{Namespace: "other", Name: "other-web"},
	})
	last := wanted[budget.RequestedCharts].Name.Name
	got := decide(wanted, nil, []convert.Source{made(last, last, own)})
	if made := strings.Count(got, "make "); made != budget.RequestedCharts+1 {
		t.Errorf("%d are made", made)
	}
	for _, part := range []string{"make " + last + " for " + last, "make other-web for web", fmt.Sprintf("r%04d: pinsync makes at most 200 HelmCharts", budget.RequestedCharts-1)} {
		if !strings.Contains(got, part) {
			t.Errorf("there is no %q in %s", part, got)
		}
	}
}
