package main

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
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

// addChartProblems adds what is not known of the chart of a release, which comes from objects of these kinds:
// what the report says of it or of them, or that it says nothing. Images that the report has as pins alone are
// among the pins.
func (e *explanation) addChartProblems(entry *v1alpha1.Release, kinds []string) {
	chart := e.Release.Rendered
	hasPinsAlone := chart != nil && chart.Unknown
	if hasPinsAlone {
		e.Pins = pin.MergePins(slices.Concat(e.Pins, e.described(e.isFor)))
	}
	isKnown := chart != nil && (!hasPinsAlone || e.isReportCurrent())
	for _, p := range e.reported(entry, kinds) {
		isOfChart := p.Reason == v1alpha1.ReasonChartNotRead || p.Reason == v1alpha1.ReasonChartNotRendered
		isKnown = isKnown || isOfChart
		if (isOfChart || strings.HasPrefix(p.Field, image.ChartPath)) && !slices.Contains(e.Problems, p) {
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

// reported returns the problems that the report has of a release, and of all releases whose charts come from
// one of these kinds.
func (e *explanation) reported(entry *v1alpha1.Release, kinds []string) []v1alpha1.Problem {
	var problems []v1alpha1.Problem
	if entry != nil {
		problems = append(problems, entry.Problems...)
	}
	if e.list != nil && e.list.Report != nil {
		for _, p := range e.list.Report.Problems {
			if p.Object == "" || slices.Contains(kinds, p.Object) {
				problems = append(problems, p)
			}
		}
	}
	return problems
}
