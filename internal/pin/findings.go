package pin

import (
	"cmp"
	"slices"

	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Finding is an image that was found in a release, and the policies that were linked to it.
type Finding struct {
	Release object.Name
	// Path is where in the release.
	Path string
	// Image is what is named there: host/path:tag, or the part of it that is named.
	Image string
	// Policies are those that were linked, and Rule is how they were found.
	Policies []object.Name
	Rule     link.Rule
}

func sortedFindings(findings []Finding) []Finding {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(object.Compare(a.Release, b.Release), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Image, b.Image))
	})
	return findings
}
