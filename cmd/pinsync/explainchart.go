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

// addChartProblems adds what is not known of the chart of a release, unless charts are ignored: what the
// report says, or that it says nothing. Images that the report has as pins alone are among them.
func (e *explanation) addChartProblems(entry *v1alpha1.Release, isIgnored bool) {
	chart := e.Release.Rendered
	hasPinsAlone := chart != nil && chart.Unknown
	if hasPinsAlone {
		e.Pins = pin.MergePins(slices.Concat(e.Pins, e.described(e.isFor)))
	}
	isKnown := isIgnored || chart != nil && (!hasPinsAlone || e.isReportCurrent())
	for _, p := range problemsOf(entry) {
		isOfChart := p.Reason == v1alpha1.ReasonChartNotRead || p.Reason == v1alpha1.ReasonChartNotRendered
		isKnown = isKnown || isOfChart
		if isOfChart && !slices.Contains(e.Problems, p) {
			e.Problems = append(e.Problems, p)
		}
	}
	why := "the report does not have them"
	switch {
	case e.list == nil || e.list.Report == nil:
		why = "there is no report"
	case !e.Protected:
		why = "pinsync reads the charts of protected releases alone"
	}
	if !isKnown {
		e.Problems = append(e.Problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonChartNotRead, Message: "images that only the chart names are not known: " + why,
		})
	}
}

func problemsOf(entry *v1alpha1.Release) []v1alpha1.Problem {
	if entry == nil {
		return nil
	}
	return entry.Problems
}
