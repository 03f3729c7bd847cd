package pin

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// report puts the results of both stages together.
func report(needed *neededPins, held *heldPins, problems []v1alpha1.Problem) *v1alpha1.PinReport {
	r := NewReport()
	r.OwnersUnknown = held.ownersUnknown
	r.Problems = SortedProblems(limitByNamespace(problems))

	r.Pins = make([]v1alpha1.Pin, 0, len(needed.byLine))
	for _, p := range needed.byLine {
		r.Pins = append(r.Pins, p.report)
		r.Pins[len(r.Pins)-1].HeldFor = held.besides[p.line]
	}
	r.Pins = mergeSorted(r.Pins, held.pins, ComparePins)
	r.Releases = make([]v1alpha1.Release, 0, len(needed.byName))
	for _, release := range needed.byName {
		r.Releases = append(r.Releases, release.report)
	}
	slices.SortFunc(held.resuming, func(a, b v1alpha1.Release) int { return CompareReleases(&a, &b) })
	r.Releases = mergeSorted(r.Releases, held.resuming, CompareReleases)
	return r
}

// maxOfNamespace is how many problems of the objects of a namespace the report has.
const maxOfNamespace = 10

// limitByNamespace leaves out problems of namespaces that have very many, the least important ones, so that
// they do not hide those of others.
func limitByNamespace(problems []v1alpha1.Problem) []v1alpha1.Problem {
	slices.SortFunc(problems, compareProblems)
	count := map[string]int{}
	left, missed := []v1alpha1.Problem{}, 0
	for _, p := range problems {
		_, name, _ := strings.Cut(p.Object, " ")
		namespace, _, ok := strings.Cut(name, "/")
		if count[namespace]++; ok && count[namespace] > maxOfNamespace {
			missed++
			continue
		}
		left = append(left, p)
	}
	if missed > 0 {
		left = append(left, moreProblems(missed))
	}
	return left
}
