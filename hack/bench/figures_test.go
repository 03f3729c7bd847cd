package main

import (
	"net/url"
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	figures := []float64{4, 1, 3, 2}
	for percent, want := range map[float64]float64{0: 1, 50: 2, 75: 3, 99: 4, 100: 4} {
		if got := percentile(figures, percent); got != want {
			t.Errorf("p%g is %g, want %g", percent, got, want)
		}
	}
}

func TestRequestNames(t *testing.T) {
	for request, want := range map[string]string{
		"GET /api":                                                             "get discovery",
		"GET /apis/helm.toolkit.fluxcd.io/v2":                                  "get discovery",
		"GET /api/v1/namespaces":                                               "list namespaces",
		"GET /api/v1/namespaces/a":                                             "get namespaces",
		"GET /api/v1/namespaces?watch=true":                                    "watch namespaces",
		"GET /apis/helm.toolkit.fluxcd.io/v2/helmreleases":                     "list helmreleases",
		"GET /apis/helm.toolkit.fluxcd.io/v2/namespaces/a/helmreleases/b":      "get helmreleases",
		"PUT /api/v1/namespaces/a/configmaps/b":                                "update configmaps",
		"POST /apis/events.k8s.io/v1/namespaces/a/events":                      "create events",
		"PATCH /apis/events.k8s.io/v1/namespaces/a/events/b?fieldManager=none": "patch events",
		"DELETE /api/v1/namespaces/a/configmaps/b":                             "delete configmaps",
	} {
		method, path, _ := strings.Cut(request, " ")
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := nameOf(method, u); got != want {
			t.Errorf("%s is %q, want %q", request, got, want)
		}
	}
}

// The table has the measurements, the growth from size to size, and dashes for missing
// figures.
func TestTable(t *testing.T) {
	of := func(releases int, seconds float64) *figures {
		return &figures{
			Releases: releases,
			Starts: starts{
				Pinsync:  []oneStart{{Seconds: 9}, {Seconds: seconds}, {Seconds: 0.1}},
				BareList: []oneStart{{Seconds: 0.5}},
			},
			Suspend: suspend{PinsyncSeconds: []float64{0.02}, BareLoopSeconds: []float64{0.005}},
			Burst:   burst{Suspends: 100, Writes: 3, ReportWrites: 2},
			List:    size{Bytes: 10 * kibi, Objects: 1},
			Report:  size{Bytes: releases * kibi, Objects: 2},
			Idle:    idle{Seconds: 30, Requests: map[string]int{"watch namespaces": 2}},

			WithoutKubectl: "kubectl or jq is not installed",
		}
	}
	var out strings.Builder
	r := &result{Sizes: []*figures{of(1000, 1), of(10000, 1.5)}}
	r.print(&out)
	for _, line := range []string{
		"| HelmReleases                            | 1000 | 10000 | growth (10x) |\n|---",
		"| start to first complete list, s         |    1 |  1.50 |        1.50x |",
		"| ratio                                   |    2 |     3 |        1.50x |",
		"| suspend to visible, p50, ms             |   20 |    20 |           1x |",
		"| a write as large as the list's, p50, ms |    - |     - |            - |",
		"| writes of the list until then           |    3 |     3 |           1x |",
		"| writes of the report for all            |    2 |     2 |           1x |",
		"| size of the list, KiB                   |   10 |    10 |           1x |",
		"| size of the report, KiB                 | 1000 | 10000 |          10x |",
		"| API requests while idle, a minute       |    4 |     4 |           1x |",
		"| peak memory of jq, MiB                  |    - |     - |            - |",
		"requests in 30 s while idle: 2 watch namespaces.",
		"1000: kubectl or jq is not installed.",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the table lacks %q:\n%s", line, out.String())
		}
	}
}
