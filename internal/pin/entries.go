package pin

import (
	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// NewReport returns a report that lists nothing.
func NewReport() *v1alpha1.PinReport {
	return &v1alpha1.PinReport{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PinReportKind,
		Pins: []v1alpha1.Pin{}, Releases: []v1alpha1.Release{}, Problems: []v1alpha1.Problem{},
	}
}

// releaseEntry returns what a report has for a release.
func releaseEntry(id object.ID, state v1alpha1.ReleaseState, n *needs, pins []string, problems []v1alpha1.Problem) v1alpha1.Release {
	return v1alpha1.Release{
		Kind: id.Kind, Namespace: id.Namespace, Name: id.Name.Name, State: state,
		Policies: n.policyNames(), Pins: sortedSet(pins), Ran: []string{}, Chart: n.chart, Problems: SortedProblems(problems),
	}
}
