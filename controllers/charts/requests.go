package charts

import (
	"fmt"
	"slices"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Release is a release as far as the HelmChart depends on it that helm-controller makes for it.
type Release struct {
	object.Name
	// Revision changes with what the release asks for.
	Revision  string
	Suspended bool
	// HelmChart is the one that helm-controller makes; empty, none.
	HelmChart object.Name
}

// Requests are what is to be done about the HelmCharts of releases that were created suspended.
type Requests struct {
	// Make are the releases whose HelmChart must exist, as they ask for it.
	Make []Release
	// Remove are the HelmCharts that must not exist any more.
	Remove []convert.Source
	// Refused are the reasons why the HelmCharts of other releases are not made.
	Refused map[object.Name]string
}

// Requester decides which HelmCharts are made. It never touches one without its own label: those are
// made by somebody else, or helm-controller has taken them over and has removed the label.
type Requester struct {
	// By is the label's value.
	By     string
	LookUp LookUp
	// Release returns a release; false, there is none any more.
	Release func(object.Name) (Release, bool)
}

// Decide decides what is to be done, where HelmCharts are wanted for these suspended releases, and
// these exist.
func (r *Requester) Decide(wanted []Release, existing []convert.Source) *Requests {
	requests := &Requests{Refused: map[object.Name]string{}}
	owners, count := map[object.Name]object.Name{}, map[string]int{}
	add := func(release *Release) {
		requests.Make = append(requests.Make, *release)
		owners[release.HelmChart] = release.Name
		count[release.Namespace]++
	}
	var missing []Release
	for i := range wanted {
		release := &wanted[i]
		chart, ok := r.LookUp(release.chartID())
		switch {
		case !ok:
			missing = append(missing, *release)
		case chart.Owner != release.Name:
			requests.Refused[release.Name] = nameOf(chart.ID) + " exists, and is not that of this release"
		case chart.RequestedBy == r.By:
			add(release)
		}
	}
	slices.SortFunc(missing, func(a, b Release) int { return object.Compare(a.Name, b.Name) })
	for i := range missing {
		release := &missing[i]
		owner, isTaken := owners[release.HelmChart]
		switch {
		case isTaken:
			requests.Refused[release.Name] = nameOf(release.chartID()) + " is made for HelmRelease " + owner.String() + ", whose names compose the same"
		case count[release.Namespace] >= budget.RequestedCharts:
			requests.Refused[release.Name] = fmt.Sprintf("pinsync makes at most %d HelmCharts for the releases of one namespace", budget.RequestedCharts)
		default:
			add(release)
		}
	}
	for i := range existing {
		if chart := &existing[i]; chart.RequestedBy == r.By && owners[chart.Name] != chart.Owner && !r.isTakenOver(chart) {
			requests.Remove = append(requests.Remove, *chart)
		}
	}
	return requests
}

// isTakenOver reports whether helm-controller takes a HelmChart over: its release was resumed.
func (r *Requester) isTakenOver(chart *convert.Source) bool {
	release, ok := r.Release(chart.Owner)
	return ok && !release.Suspended && release.HelmChart == chart.Name
}

func (r *Release) chartID() object.ID { return object.ID{Kind: flux.HelmChartKind, Name: r.HelmChart} }
