package pin

import (
	"cmp"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Join makes one report of the parts that Spread has made of one, or of several lists'.
func Join(parts []*v1alpha1.PinReport) *v1alpha1.PinReport {
	whole := &v1alpha1.PinReport{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PinReportKind, Releases: []v1alpha1.Release{}}
	at := map[Name]int{}
	for _, part := range parts {
		whole.Pins = append(whole.Pins, part.Pins...)
		whole.Problems = append(whole.Problems, part.Problems...)
		whole.Forgotten = whole.Forgotten || part.Forgotten
		for i := range part.Releases {
			release := &part.Releases[i]
			name := Name{release.Namespace, release.Name}
			if j, found := at[name]; found {
				joinRelease(&whole.Releases[j], release)
				continue
			}
			at[name] = len(whole.Releases)
			whole.Releases = append(whole.Releases, *release)
		}
	}
	whole.Pins = mergePins(whole.Pins)
	whole.Problems = sortedProblems(whole.Problems)
	slices.SortFunc(whole.Pins, func(a, b v1alpha1.Pin) int {
		return compareLines(line{a.Pin, a.Image}, line{b.Pin, b.Image})
	})
	slices.SortFunc(whole.Releases, func(a, b v1alpha1.Release) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return whole
}

// joinRelease adds to an entry what another one of the same release says.
func joinRelease(r, other *v1alpha1.Release) {
	r.Pins = sortedSet(slices.Concat(r.Pins, other.Pins))
	r.Policies = sortedSet(slices.Concat(r.Policies, other.Policies))
	r.Problems = sortedProblems(slices.Concat(r.Problems, other.Problems))
}
