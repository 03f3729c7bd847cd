package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// localChart is a chart that --chart names.
type localChart struct {
	path    string
	archive []byte
	// release is the one that it is for; empty, it is for all that ask for this chart.
	release object.Name
	chart   render.Chart
	version *semver.Version
	isUsed  bool
}

// localCharts are the charts that --chart names.
type localCharts struct {
	charts      []*localChart
	finder      *chartimages.Finder
	kubeVersion string
	apiVersions []string
}

// newLocalCharts reads the charts that flags name, [NAMESPACE/RELEASE=]PATH each.
func newLocalCharts(o *planOptions) (*localCharts, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the program to render charts with: %w", err)
	}
	l := &localCharts{
		finder: newFinder(program, chartimages.DefaultLimits()), kubeVersion: o.kubeVersion, apiVersions: render.KubernetesAPIs(o.apiVersions...),
	}
	for _, flag := range o.charts {
		chart, err := readLocalChart(flag)
		if err != nil {
			return nil, fmt.Errorf("--chart %s: %w", flag, err)
		}
		l.charts = append(l.charts, chart)
	}
	return l, nil
}

func readLocalChart(flag string) (*localChart, error) {
	c := &localChart{path: flag}
	if release, path, ok := strings.Cut(flag, "="); ok && strings.Count(release, "/") == 1 {
		c.path = path
		c.release.Namespace, c.release.Name, _ = strings.Cut(release, "/")
	}
	info, err := os.Stat(c.path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		if _, err := os.Stat(filepath.Join(c.path, "Chart.yaml")); err != nil {
			return nil, fmt.Errorf("%s is no chart: it has no Chart.yaml", c.path)
		}
		c.archive, err = render.Pack(os.DirFS(c.path))
	case info.Size() > budget.ChartBytes:
		err = budget.Exceeded(budget.ChartBytes, "bytes of a chart's archive")
	default:
		c.archive, err = os.ReadFile(c.path)
	}
	if err != nil {
		return nil, err
	}
	c.chart, err = render.ReadChart(c.archive)
	if err != nil && c.release == (object.Name{}) {
		return nil, err // else it is a problem of that release
	}
	if version, err := semver.NewVersion(c.chart.Version); err == nil {
		c.version = version
	}
	return c, nil
}

// find finds the images of the chart that a release asks for. That none is given for it is a problem.
func (l *localCharts) find(ctx context.Context) convert.FindChartImages {
	return func(wanted convert.WantedChart, request *chartimages.Request) *pin.ChartImages {
		chart := l.choose(wanted)
		if chart == nil {
			return &pin.ChartImages{Problems: []v1alpha1.Problem{{
				Reason: v1alpha1.ReasonChartNotRead,
				Message: fmt.Sprintf("images that only the chart names are not found: no --chart is given for %s",
					strings.Join(strings.Fields("chart "+wanted.Name+" "+wanted.Version), " ")),
			}}}
		}
		chart.isUsed = true
		request.Archive, request.KubeVersion, request.APIVersions = chart.archive, l.kubeVersion, l.apiVersions
		return l.finder.Find(ctx, request)
	}
}

// choose returns the chart for a release: the one that is named for it, else the one that is called
// as it asks. Of several, it is the newest of those that have the version.
func (l *localCharts) choose(wanted convert.WantedChart) *localChart {
	var candidates []*localChart
	for _, c := range l.charts {
		switch {
		case c.release == wanted.Release:
			return c
		case c.release == (object.Name{}) && wanted.Name != "" && (c.chart.Name == wanted.Name || filepath.Base(c.path) == wanted.Name):
			candidates = append(candidates, c)
		}
	}
	if len(candidates) == 1 {
		return candidates[0]
	}
	var best *localChart
	for _, c := range candidates {
		if c.has(wanted.Version) && (best == nil || c.version.GreaterThan(best.version)) {
			best = c
		}
	}
	return best
}

// has reports whether a chart has a version, or one of a range; empty means any.
func (c *localChart) has(version string) bool {
	if c.version == nil {
		return false
	}
	constraint, err := semver.NewConstraint(cmp.Or(version, "*-0"))
	return c.chart.Version == version || err == nil && constraint.Check(c.version)
}

// checkReleases returns an error if a chart is for a release that is not among those that were read.
func (l *localCharts) checkReleases(releases []pin.Release) error {
	var names []string
	for i := range releases {
		names = append(names, releases[i].Name.String())
	}
	for _, c := range l.charts {
		name := c.release.String()
		if c.release == (object.Name{}) || slices.Contains(names, name) {
			continue
		}
		meant := "there are " + someOf(names)
		if near := nearTo(name, names); len(near) > 0 {
			meant = "did you mean " + someOf(near) + "?"
		}
		return usageError(fmt.Errorf("--chart %s=%s: there is no HelmRelease %s in what was read: %s", name, c.path, name, meant))
	}
	return nil
}

// reportUnused prints the charts that no release asks for.
func (l *localCharts) reportUnused(out io.Writer) {
	for _, c := range l.charts {
		if !c.isUsed {
			fmt.Fprintf(out, "warning: --chart %s: no protected HelmRelease asks for chart %s %s\n",
				printable(c.path), printable(c.chart.Name), printable(c.chart.Version))
		}
	}
}
