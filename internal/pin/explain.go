package pin

import (
	"cmp"
	"slices"
)

// Finding is an image that was found in a protected release, and the policies
// that were linked for it.
type Finding struct {
	Release Name
	// Path is where in the release.
	Path string
	// Image is what is named there: host/path:tag, or what there is of it.
	Image string
	// Policies are those that were linked, and How is the rule that found them.
	Policies []Name
	How      Rule
}

// Rule is how a policy is linked to an image.
type Rule string

const (
	// SameRepository links the policies of the same repository.
	SameRepository Rule = "same repository"
	// SamePathEnd links those of the one repository that ends with a path whose
	// registry is not named.
	SamePathEnd Rule = "same end of the path"
	// AgreeingName links those that accept a tag that stands alone and have a name
	// that agrees.
	AgreeingName Rule = "agreeing name"
	// NamedByAnnotation links those that the release's annotation names.
	NamedByAnnotation Rule = "annotation"
)

// Explain returns every image that was found in the protected releases, sorted by
// release and path.
func Explain(s *Snapshot, o Options) []Finding {
	p := NewPlanner(o).begin(s)
	var findings []Finding
	for i := range s.Releases {
		if p.protector.Protects(&s.Releases[i]) {
			findings = append(findings, yieldOf(&s.Releases[i], p.linker, mode{floatingOnly: o.FloatingOnly, explain: true}).findings...)
		}
	}
	return sortedFindings(findings)
}

func sortedFindings(findings []Finding) []Finding {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(compareNames(a.Release, b.Release), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Image, b.Image))
	})
	return findings
}
