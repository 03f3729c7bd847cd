package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Inspection is what is known of one release, protected or not.
type Inspection struct {
	Release *Release

	// Protected reports whether its pins are in the list, or should be.
	Protected bool

	// Findings are the images that were found in it, sorted by path.
	Findings []Finding

	// Policies are those that are linked to it, sorted.
	Policies []*link.Candidate

	// Pins are those that it refers to, and needs, or would need if it were suspended.
	Pins []v1alpha1.Pin

	// Problems are what may keep a tag of it out of the list.
	Problems []v1alpha1.Problem
}

// Inspect looks at one release of a snapshot, whose images must be there; nil, there is no
// such release.
func Inspect(s *Snapshot, o Options, id object.ID) *Inspection {
	i := slices.IndexFunc(s.Releases, func(r Release) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	r := &s.Releases[i]
	protector := NewProtector(s.Namespaces, o)
	protected, problem := protector.protects(r)
	n := findNeeds(r.Name, r.Inputs, linkerOf(s), explaining(o))
	in := protectedInputs{state: stateOf(r), workloads: r.Workloads, hasRun: r.HasRun, ranUnknown: r.RanUnknown, problem: problem}
	// What it keeps besides is no part of what a resume needs, but answers problems.
	refersTo, keeps := entryOf(r, &in, n, &Memory{}, o), entryOf(r, &in, n, &s.Memory, o)
	return &Inspection{
		Release: r, Protected: protected, Findings: sortedFindings(n.findings),
		Policies: n.policies, Pins: refersTo.Pins, Problems: slices.Concat(protector.problems, keeps.Releases[0].Problems),
	}
}

// entryOf returns the report on one release alone, after that memory.
func entryOf(r *Release, in *protectedInputs, n *needs, m *Memory, o Options) *v1alpha1.PinReport {
	needed := newNeededPins(o)
	needed.addRelease(r)
	needed.put(r, in, n, previousOf(m, map[string]bool{r.String(): true}))
	needed.finish()
	return report(needed, &heldPins{}, nil)
}

// Explain returns every image that was found in the protected releases, sorted by release
// and path.
func Explain(s *Snapshot, o Options) []Finding {
	protector, linker := NewProtector(s.Namespaces, o), linkerOf(s)
	var findings []Finding
	for i := range s.Releases {
		if r := &s.Releases[i]; protector.Protects(r) {
			findings = append(findings, findNeeds(r.Name, r.Inputs, linker, explaining(o)).findings...)
		}
	}
	return sortedFindings(findings)
}

// explaining returns how needs are found for people.
func explaining(o Options) needsOptions {
	return needsOptions{registries: o.Registries, floatingOnly: o.FloatingOnly, explain: true}
}

// linkerOf returns a linker of a snapshot's policies.
func linkerOf(s *Snapshot) *link.Linker {
	var c needsCache
	c.observe(s.Policies, s.Repositories)
	return c.linker
}
