package pin

import (
	"cmp"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// CompareReleases orders releases as a report lists them.
func CompareReleases(a, b *v1alpha1.Release) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
}

// ComparePins orders pins as a report lists them.
func ComparePins(a, b *v1alpha1.Pin) int {
	return compareLines(line{a.Pin, a.Image}, line{b.Pin, b.Image})
}

func sortPins(pins []v1alpha1.Pin) {
	slices.SortFunc(pins, func(a, b v1alpha1.Pin) int { return ComparePins(&a, &b) })
}
