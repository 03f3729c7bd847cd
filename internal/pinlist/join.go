package pinlist

import (
	"cmp"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Join makes one report of those of several objects, or of several lists.
func Join(reports []*v1alpha1.PinReport) *v1alpha1.PinReport {
	joined := pin.NewReport()
	at := map[string]int{}
	if len(reports) > 0 {
		joined.Protects = reports[0].Protects
	}
	for _, r := range reports {
		if r.Protects != joined.Protects {
			joined.Protects = v1alpha1.ReleasesSuspended
		}
		joined.List = cmp.Or(joined.List, r.List)
		joined.Configuration = cmp.Or(joined.Configuration, r.Configuration)
		joined.Pins = append(joined.Pins, r.Pins...)
		joined.Problems = append(joined.Problems, r.Problems...)
		joined.Unprotected = append(joined.Unprotected, r.Unprotected...)
		joined.OwnersUnknown = joined.OwnersUnknown || r.OwnersUnknown
		for i := range r.Releases {
			release := &r.Releases[i]
			if j, ok := at[releaseKey(release)]; ok {
				joinRelease(&joined.Releases[j], release)
				continue
			}
			at[releaseKey(release)] = len(joined.Releases)
			joined.Releases = append(joined.Releases, *release)
		}
	}
	joined.Pins = pin.MergePins(joined.Pins)
	joined.Problems = pin.SortedProblems(joined.Problems)
	slices.SortFunc(joined.Releases, func(a, b v1alpha1.Release) int { return pin.CompareReleases(&a, &b) })
	slices.SortStableFunc(joined.Unprotected, func(a, b v1alpha1.UnprotectedReleases) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return joined
}

// joinRelease adds to an entry what another one of the same release has.
func joinRelease(r, other *v1alpha1.Release) {
	union := func(a, b []string) []string { return append([]string{}, sortedUnique(slices.Concat(a, b))...) }
	r.Pins, r.Policies = union(r.Pins, other.Pins), union(r.Policies, other.Policies)
	if r.Ran != nil || other.Ran != nil {
		r.Ran = union(r.Ran, other.Ran)
	}
	r.Chart = cmp.Or(r.Chart, other.Chart)
	r.Live = sortedUnique(slices.Concat(r.Live, other.Live))
	r.Problems = pin.SortedProblems(slices.Concat(r.Problems, other.Problems))
}
