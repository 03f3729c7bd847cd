package pin

import (
	"cmp"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Memory is what the last list and its report said.
type Memory struct {
	// Pins are those that were listed, each once, in the order of ComparePins.
	Pins []v1alpha1.Pin
	// OwnersUnknown is set if the report does not have all releases that needed them. A plan for
	// which all releases were read finds them.
	OwnersUnknown bool
	// HasPolicies is set if ImagePolicies were linked: the cluster served them.
	HasPolicies bool
	// Releases are those of the report, in the order of CompareReleases; none, if it was not the
	// one on the list, or not whole.
	Releases []v1alpha1.Release
	// Plan identifies the plan that the list was written for; empty if that is not known.
	Plan string
}

// release returns what the report had for a release; nil, it had nothing.
func (m *Memory) release(id object.ID) *v1alpha1.Release {
	wanted := v1alpha1.Release{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name.Name}
	i, ok := slices.BinarySearchFunc(m.Releases, &wanted, func(r v1alpha1.Release, wanted *v1alpha1.Release) int {
		return CompareReleases(&r, wanted)
	})
	if !ok {
		return nil
	}
	return &m.Releases[i]
}

// ChartOf returns what the report had for the chart of a release; nil, nothing.
func (m *Memory) ChartOf(id object.ID) *v1alpha1.ReleaseChart {
	if r := m.release(id); r != nil {
		return r.Chart
	}
	return nil
}

// suspended returns what the report had for a release that it knew to be suspended; nil, it did
// not, or not what the release ran then.
func (m *Memory) suspended(id object.ID) *v1alpha1.Release {
	r := m.release(id)
	if r == nil || r.State != v1alpha1.ReleaseSuspended || r.Ran == nil {
		return nil
	}
	return r
}

// idOf returns which release an entry of a report is about.
func idOf(r *v1alpha1.Release) object.ID {
	return object.ID{Kind: r.Kind, Name: object.Name{Namespace: r.Namespace, Name: r.Name}}
}

// isWithoutPins reports whether a release had no pin while it was suspended or being resumed. It may have some
// before it is proven live: once what it takes values from is there, or its chart.
func isWithoutPins(r *v1alpha1.Release) bool {
	return len(r.Pins) == 0 && (r.State == v1alpha1.ReleaseSuspended || r.State == v1alpha1.ReleaseResuming)
}

// MemoryOf returns the memory that a report is, for no plan yet.
func MemoryOf(r *v1alpha1.PinReport) Memory {
	return Memory{
		Pins: r.Pins, OwnersUnknown: r.OwnersUnknown, Releases: r.Releases,
		HasPolicies: slices.ContainsFunc(r.Releases, func(r v1alpha1.Release) bool { return len(r.Policies) > 0 }) ||
			slices.ContainsFunc(r.Pins, func(p v1alpha1.Pin) bool { return IsNamedByPolicy(&p) }),
	}
}

// IsNamedByPolicy reports whether one of the places where a pin was found is an ImagePolicy.
func IsNamedByPolicy(p *v1alpha1.Pin) bool {
	return slices.ContainsFunc(p.Via, func(place string) bool { return strings.HasPrefix(place, link.PolicyObject) })
}

// Merge returns what is known after the list was read again, and is not the one that this
// memory is of. What another process wrote since that keeps the list, too, replaces the
// memory. Otherwise somebody has changed, removed or restored the list or its report, and the
// memory counts besides: its owners are those of its own plan.
func (m Memory) Merge(read Memory, isNewer bool) Memory {
	if isNewer && !read.OwnersUnknown {
		return read
	}
	known := map[string]bool{}
	for i := range m.Pins {
		known[m.Pins[i].Pin] = true
	}
	others := slices.DeleteFunc(slices.Clone(read.Pins), func(p v1alpha1.Pin) bool { return p.Image == "" && known[p.Pin] })
	both := Memory{
		Pins: MergePins(slices.Concat(m.Pins, others)), OwnersUnknown: m.OwnersUnknown,
		HasPolicies: m.HasPolicies || read.HasPolicies, Releases: mergeSorted(m.Releases, m.unpinnedOnlyIn(&read), CompareReleases), Plan: cmp.Or(read.Plan, m.Plan),
	}
	if read.OwnersUnknown && (both.Plan != m.Plan || len(both.Pins) > len(m.Pins)) {
		both.OwnersUnknown = true
	}
	return both
}

// unpinnedOnlyIn returns the releases that had no pin by another memory, and are not in this one: nothing else tells that
// they were suspended. What they ran is not known for certain.
func (m Memory) unpinnedOnlyIn(other *Memory) (added []v1alpha1.Release) {
	for i := range other.Releases {
		r := other.Releases[i]
		if isWithoutPins(&r) && m.release(idOf(&r)) == nil {
			r.Ran = nil
			added = append(added, r)
		}
	}
	return added
}

// AddUnwritten returns the memory with the pins and owners of a report that could not be
// written, or not in full. Since when the owners are safe was not published: that begins again.
func (m Memory) AddUnwritten(r *v1alpha1.PinReport) Memory {
	unwritten := MemoryOf(r)
	unwritten.Pins = slices.Clone(r.Pins)
	for i := range unwritten.Pins {
		holds := slices.Clone(unwritten.Pins[i].HeldFor)
		for j := range holds {
			holds[j].SafeSince, holds[j].Live = nil, false
		}
		unwritten.Pins[i].HeldFor = holds
	}
	both := m.Merge(unwritten, false)
	both.Releases = nil
	for i := range m.Releases {
		known := &m.Releases[i]
		now := unwritten.release(idOf(known))
		switch {
		case now != nil && now.State == known.State:
			both.Releases = append(both.Releases, *known)
		case now != nil && now.State == v1alpha1.ReleaseResuming && isWithoutPins(known):
			both.Releases = append(both.Releases, *now) // nothing else tells that it was suspended
		default: // it was seen not suspended since, and may have run what it refers to now
		}
	}
	both.Releases = mergeSorted(both.Releases, both.unpinnedOnlyIn(&unwritten), CompareReleases)
	return both
}

// Rename adds to a memory the pins that the configuration has come to name otherwise by
// their new name, held for the same owners. It is needed once after a list was read: a plan
// only has the names of its own configuration, and those of pins that are still held. What a release
// ran it has run by the new name, too.
func (m Memory) Rename(registries []Registry) Memory {
	pins, renamed := slices.Clone(m.Pins), map[string][]string{}
	at := make(map[line]int, len(pins))
	for i := range pins {
		at[line{pins[i].Pin, pins[i].Image}] = i
	}
	for i := range m.Pins {
		previous := &m.Pins[i]
		name := currentName(registries, previous.Image)
		if name == "" || name == previous.Pin {
			continue
		}
		renamed[previous.Pin] = append(renamed[previous.Pin], name)
		if i, ok := at[line{name, previous.Image}]; ok {
			pins[i].HeldFor = mergeHolds(slices.Concat(holdsOf(&pins[i]), holdsOf(previous)))
			continue
		}
		now := *previous
		now.Pin = name
		at[line{now.Pin, now.Image}] = len(pins)
		pins = append(pins, now)
	}
	sortPins(pins)
	m.Pins = pins
	m.Releases = slices.Clone(m.Releases)
	for i := range m.Releases {
		m.Releases[i].Ran = withRenamed(m.Releases[i].Ran, renamed)
	}
	return m
}

// withRenamed adds to the pins that a release ran their new names; nil stays nil.
func withRenamed(ran []string, renamed map[string][]string) []string {
	var added []string
	for _, name := range ran {
		added = append(added, renamed[name]...)
	}
	if len(added) == 0 {
		return ran
	}
	return sortedSet(slices.Concat(ran, added))
}

// MergePins makes one entry of all those of a pin, in the order of ComparePins.
func MergePins(pins []v1alpha1.Pin) []v1alpha1.Pin {
	merged := make([]v1alpha1.Pin, 0, len(pins))
	at := make(map[line]int, len(pins))
	for i := range pins {
		l := line{pin: pins[i].Pin, image: pins[i].Image}
		if j, ok := at[l]; ok {
			mergePin(&merged[j], &pins[i])
			continue
		}
		at[l] = len(merged)
		merged = append(merged, pins[i])
	}
	sortPins(merged)
	return merged
}

// mergePin adds to an entry what another one of the same pin has.
func mergePin(p, other *v1alpha1.Pin) {
	if other.State == v1alpha1.PinNeeded {
		p.State = v1alpha1.PinNeeded
	}
	p.NeededBy = sortedSet(slices.Concat(p.NeededBy, other.NeededBy))
	p.Via = sortedVia(slices.Concat(p.Via, other.Via))
	p.Digests = firstOf(slices.Concat(p.Digests, other.Digests), maxDigests)
	p.HeldSince = cmp.Or(p.HeldSince, other.HeldSince)
	p.HeldFor = mergeHolds(slices.Concat(p.HeldFor, other.HeldFor))
}
