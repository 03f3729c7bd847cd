package main

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// addChart adds to a release of a snapshot what the report has of its chart, which explain does not
// render itself.
func addChart(s *pin.Snapshot, id object.ID) {
	for i := range s.Releases {
		if r := &s.Releases[i]; r.ID == id {
			r.Rendered = pin.ChartImagesOf(s.Memory.ChartOf(id))
		}
	}
}

// addChartProblems adds what the report says is not known of the chart of a release.
func (e *explanation) addChartProblems(entry *v1alpha1.Release) {
	if entry == nil {
		return
	}
	for _, p := range entry.Problems {
		isOfChart := p.Reason == v1alpha1.ReasonChartNotRead || p.Reason == v1alpha1.ReasonChartNotRendered
		if isOfChart && !slices.Contains(e.Problems, p) {
			e.Problems = append(e.Problems, p)
		}
	}
}
