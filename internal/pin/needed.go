package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// neededPins is the result of the first stage: the pins that the protected releases need. It
// is kept from plan to plan, and each plan computes again only what has changed: the entry
// of a release whose needs or state are others, and the pins in such an entry.
type neededPins struct {
	registries []Registry
	releases   map[object.ID]*protectedRelease
	pins       map[line]*neededPin

	// byName and byLine are the releases and pins in order, after finish.
	byName []*protectedRelease
	byLine []*neededPin
	// changed are the pins to be brought up to date; newReleases and newPins are not in
	// order yet, and hasGone is set if one of those in order is gone.
	changed     []*neededPin
	newReleases []*protectedRelease
	newPins     []*neededPin
	hasGone     bool
}

// protectedRelease is a protected release and what it needs.
type protectedRelease struct {
	inputs protectedInputs
	owner  string
	pins   []*neededPin
	report v1alpha1.Release
	// isSeen is set if it was put since the last finish, and isGone if it is no more.
	isSeen, isGone bool
}

// protectedInputs are everything that the entry of a release depends on.
type protectedInputs struct {
	needs   *needs
	state   v1alpha1.ReleaseState
	problem v1alpha1.Problem
}

// neededPin is a pin that releases need.
type neededPin struct {
	line
	// uses are how each release names it.
	uses map[*protectedRelease]*use
	// report is its entry in the report, which is built again after a change.
	report            v1alpha1.Pin
	isChanged, isGone bool
}

// use is where a release names a pin, and with which digests beside the tag.
type use struct{ via, digests []string }

func newNeededPins(registries []Registry) *neededPins {
	return &neededPins{
		registries: registries, releases: map[object.ID]*protectedRelease{}, pins: map[line]*neededPin{},
	}
}

// update makes the pins those that the protected releases of a snapshot need.
func (n *neededPins) update(s *Snapshot, protector *Protector, cache *needsCache) {
	previous := previousPins{memory: s.Memory.Pins}
	for i := range s.Releases {
		r := &s.Releases[i]
		if ok, problem := protector.protects(r); ok {
			n.put(r, problem, cache.of(r), &previous)
		}
	}
	n.finish()
}

// put brings the entry of a protected release up to date. The problem is that of its
// annotation; nil, there is none.
func (n *neededPins) put(r *Release, problem *v1alpha1.Problem, needs *needs, previous *previousPins) {
	in := protectedInputs{needs: needs, state: stateOf(r)}
	if problem != nil {
		in.problem = *problem
	}
	isUnknown := r.Images != nil && r.Images.Unknown
	release := n.releases[r.ID]
	switch {
	case release == nil:
		release = &protectedRelease{owner: r.String()}
		n.releases[r.ID] = release
		n.newReleases = append(n.newReleases, release)
	case release.inputs == in && !isUnknown:
		release.isSeen = true
		return
	}
	n.withdraw(release)
	release.inputs, release.isSeen = in, true
	for i := range needs.tags {
		tag := &needs.tags[i]
		for _, l := range lines(n.registries, tag.Repository, tag.Tag) {
			n.add(release, l, tag.Digest, tag.via)
		}
	}
	if isUnknown {
		for _, p := range previous.of(release.owner) {
			n.add(release, line{p.Pin, p.Image}, "", places(p.Via)...)
		}
	}
	release.report = release.entry(r.ID)
}

// finish removes the releases that were not put since it was called last, and brings the
// pins up to date.
func (n *neededPins) finish() {
	for id, release := range n.releases {
		if !release.isSeen {
			n.withdraw(release)
			delete(n.releases, id)
			release.isGone, n.hasGone = true, true
		}
		release.isSeen = false
	}
	for _, p := range n.changed {
		n.rebuild(p)
	}
	if n.hasGone {
		n.byName = slices.DeleteFunc(n.byName, func(r *protectedRelease) bool { return r.isGone })
		n.byLine = slices.DeleteFunc(n.byLine, func(p *neededPin) bool { return p.isGone })
	}
	slices.SortFunc(n.newReleases, func(a, b *protectedRelease) int { return compareEntries(&a, &b) })
	slices.SortFunc(n.newPins, func(a, b *neededPin) int { return compareNeeded(&a, &b) })
	n.byName = mergeSorted(n.byName, n.newReleases, compareEntries)
	n.byLine = mergeSorted(n.byLine, n.newPins, compareNeeded)
	n.changed, n.newReleases, n.newPins, n.hasGone = nil, nil, nil, false
}

func compareEntries(a, b **protectedRelease) int { return CompareReleases(&(*a).report, &(*b).report) }

func compareNeeded(a, b **neededPin) int { return compareLines((*a).line, (*b).line) }

func stateOf(r *Release) v1alpha1.ReleaseState {
	if r.Suspended {
		return v1alpha1.ReleaseSuspended
	}
	return v1alpha1.ReleaseLive
}

// entry returns what the report has for a release.
func (release *protectedRelease) entry(id object.ID) v1alpha1.Release {
	pins := make([]string, len(release.pins))
	for i, p := range release.pins {
		pins[i] = p.pin
	}
	problems := slices.Clone(release.inputs.needs.problems)
	if release.inputs.problem != (v1alpha1.Problem{}) {
		problems = append(problems, release.inputs.problem)
	}
	if len(pins) == 0 && len(release.inputs.needs.outside) == 0 {
		problems = append(problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonNoPin, Message: "nothing is pinned for this release: " + release.inputs.needs.whyNoPin(),
		})
	}
	return releaseEntry(id, release.inputs.state, release.inputs.needs, pins, problems)
}

// add notes that a release needs a pin.
func (n *neededPins) add(release *protectedRelease, l line, digest string, via ...string) {
	p := n.pins[l]
	if p == nil {
		p = &neededPin{line: l, uses: map[*protectedRelease]*use{}}
		n.pins[l] = p
		n.newPins = append(n.newPins, p)
	}
	u := p.uses[release]
	if u == nil {
		u = &use{}
		p.uses[release] = u
		release.pins = append(release.pins, p)
	}
	u.via = append(u.via, via...)
	if digest != "" {
		u.digests = append(u.digests, digest)
	}
	n.change(p)
}

// withdraw notes that a release needs no pin.
func (n *neededPins) withdraw(release *protectedRelease) {
	for _, p := range release.pins {
		delete(p.uses, release)
		n.change(p)
	}
	release.pins = nil
}

func (n *neededPins) change(p *neededPin) {
	if !p.isChanged {
		p.isChanged = true
		n.changed = append(n.changed, p)
	}
}

// rebuild brings the report's entry of a pin up to date, or removes a pin that no release
// needs any more.
func (n *neededPins) rebuild(p *neededPin) {
	p.isChanged = false
	if len(p.uses) == 0 {
		delete(n.pins, p.line)
		p.isGone, n.hasGone = true, true
		return
	}
	p.report = v1alpha1.Pin{Pin: p.pin, Image: p.image, State: v1alpha1.PinNeeded}
	for release, u := range p.uses {
		p.report.NeededBy = append(p.report.NeededBy, release.owner)
		p.report.Via = append(p.report.Via, u.via...)
		p.report.Digests = append(p.report.Digests, u.digests...)
	}
	p.report.NeededBy = sortedSet(p.report.NeededBy)
	p.report.Via = few(sortedVia(p.report.Via), maxVia)
	p.report.Digests = firstOf(p.report.Digests, maxDigests)
}

// previousPins finds the pins of the last list by their owners, once somebody asks.
type previousPins struct {
	memory  []v1alpha1.Pin
	byOwner map[string][]*v1alpha1.Pin
}

func (p *previousPins) of(owner string) []*v1alpha1.Pin {
	if p.byOwner == nil {
		p.byOwner = map[string][]*v1alpha1.Pin{}
		for i := range p.memory {
			for _, h := range holdsOf(&p.memory[i]) {
				p.byOwner[h.Owner] = append(p.byOwner[h.Owner], &p.memory[i])
			}
		}
	}
	return p.byOwner[owner]
}
