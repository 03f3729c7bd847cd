package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Inspection is what is known of one release, protected or not.
type Inspection struct {
	Release *Release

	// Protected says that its pins are in the list, or should be.
	Protected bool

	// Findings are the images that were found in it, sorted by path.
	Findings []Finding

	// Policies are those that are linked to it, sorted.
	Policies []LinkedPolicy

	// Pins are those that it needs, or would need if it were suspended.
	Pins []v1alpha1.Pin

	// Problems are what may keep a tag of it out of the list.
	Problems []v1alpha1.Problem
}

// LinkedPolicy is an ImagePolicy that is linked to a release.
type LinkedPolicy struct {
	Name

	// Latest is the image that it last resolved to; empty before it did.
	Latest string

	// NotReady is the message of its Ready condition where that is false.
	NotReady string
}

// Inspect looks at one release of a snapshot, whose contents must be there; nil, there is
// no such release.
func Inspect(s *Snapshot, o Options, name Name) *Inspection {
	i := slices.IndexFunc(s.Releases, func(r Release) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	p := NewPlanner(o).begin(s)
	is := &Inspection{Release: &s.Releases[i]}
	var problem *v1alpha1.Problem
	is.Protected, problem = p.protector.protects(is.Release)
	p.release(is.Release, problem)
	report := p.finish()
	is.Pins, is.Problems = report.Pins, report.Releases[0].Problems
	y := yieldOf(is.Release, p.linker, mode{floatingOnly: o.FloatingOnly, explain: true})
	is.Findings = sortedFindings(y.findings)
	for _, t := range y.policies {
		linked := LinkedPolicy{Name: t.Name, NotReady: t.NotReady}
		if t.latest != nil {
			linked.Latest = t.latest.String()
		}
		is.Policies = append(is.Policies, linked)
	}
	return is
}
