package pin

import (
	"iter"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// neededPins is the result of the first stage: the pins that the protected releases need. It
// is kept from plan to plan, and each plan computes again only what has changed: the entry
// of a release whose needs or state are others, and the pins in such an entry.
type neededPins struct {
	registries []Registry
	cache      needsCache
	releases   sweep.Map[object.ID, protectedRelease]
	pins       map[line]*neededPin
	// needed is how many pins the releases of each namespace need, and held how many the last list held for them.
	needed, held map[string]int
	// listed is how many pins the last list had for the releases of each namespace that needed them, unless it is that
	// of the plan before: some are not put yet.
	listed map[string]int
	// tags are those of the releases, and crowded the releases that may have more pins, or any, once their
	// namespaces have room.
	tags    tagCounts
	crowded []*protectedRelease

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
	needs  *needs
	owner  string
	pins   []*neededPin
	// ran and last are what a suspended release keeps: see keeper.
	ran, last []string
	// hasRanMore is set if workloads name more that it ran than is kept.
	hasRanMore bool
	// hasPlaces is set if it keeps pins with the places that the last report has for them: then its
	// entry depends on each report.
	hasPlaces bool
	// room is how many more pins it may have.
	room   room
	report v1alpha1.Release
	isGone bool
}

// protectedInputs are everything that the entry of a release depends on.
type protectedInputs struct {
	Inputs

	linker    *link.Linker
	state     v1alpha1.ReleaseState
	problem   v1alpha1.Problem
	workloads *WorkloadImages
	hasRun    bool
	// ranUnknown is why it is not known what it ran.
	ranUnknown string
	// chartPending is set if the chart is still to be rendered.
	chartPending bool
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
type use struct {
	via, digests []string
	// isTrusted is set unless only policies name it that the release does not rely on.
	isTrusted bool
}

func newNeededPins(o Options) *neededPins {
	return &neededPins{
		registries: o.Registries, pins: map[line]*neededPin{}, needed: map[string]int{}, tags: tagCounts{},
		cache: needsCache{options: needsOptions{registries: o.Registries, floatingOnly: o.FloatingOnly}},
	}
}

// update makes the pins those that the protected releases of a snapshot need. Unless the
// memory is what this plan's predecessor has reported, all of them are computed again.
func (n *neededPins) update(s *Snapshot, protector *Protector, isOwnMemory bool) {
	n.cache.observe(s.Policies, s.Repositories)
	n.held, n.listed = heldByNamespace(s.Memory.Pins), nil
	if !isOwnMemory {
		n.listed = neededByNamespace(s.Memory.Pins)
	}
	n.crowded = nil
	var changed, crowded []change
	owners := map[string]bool{}
	for i := range s.Releases {
		r := &s.Releases[i]
		ok, problem := protector.protects(r)
		if !ok {
			continue
		}
		in := protectedInputs{
			Inputs: r.Inputs, linker: n.cache.linker, state: stateOf(r), problem: problem,
			workloads: r.Workloads, hasRun: r.HasRun, ranUnknown: r.RanUnknown, chartPending: r.ChartPending,
		}
		release := n.releases.Get(r.ID)
		if release == nil {
			release = n.addRelease(r)
		}
		isSame := release.inputs == in && r.Images != nil && !n.tags.hasRoomFor(r.Namespace, release.needs)
		if isSame && isOwnMemory && !release.hasPlaces {
			n.noteCrowded(release)
			if release.room.missed > 0 && n.left(r.Namespace) > 0 {
				crowded = append(crowded, change{r, in})
				owners[release.owner] = true
			}
			continue
		}
		changed = append(changed, change{r, in})
		owners[r.String()] = true
	}
	n.removeGone()
	previous := previousOf(&s.Memory, owners)
	for _, c := range crowded { // a pin may be gone that was held for it, and then there is room for another
		if len(previous.of(c.release.String())) < budget.Pins {
			changed = append(changed, c)
		}
	}
	for i := range changed {
		r, in := changed[i].release, &changed[i].inputs
		n.noteCrowded(n.put(r, in, n.find(r, in), previous))
	}
	n.finish()
}

// beside iterates over listed pins, each with what it is now; nil, no release needs it. Both are in the same order,
// so no pin has to be looked up.
func (n *neededPins) beside(listed []v1alpha1.Pin) iter.Seq2[*v1alpha1.Pin, *neededPin] {
	return func(yield func(*v1alpha1.Pin, *neededPin) bool) {
		left := n.byLine
		for i := range listed {
			l := line{listed[i].Pin, listed[i].Image}
			for len(left) > 0 && compareLines(left[0].line, l) < 0 {
				left = left[1:]
			}
			var now *neededPin
			if len(left) > 0 && left[0].line == l {
				now = left[0]
			}
			if !yield(&listed[i], now) {
				return
			}
		}
	}
}

// change is a release of which something has changed.
type change struct {
	release *Release
	inputs  protectedInputs
}

// find returns what a release needs with these inputs.
func (n *neededPins) find(r *Release, in *protectedInputs) *needs {
	release := n.releases.Peek(r.ID)
	isSame := release.needs != nil && r.Images != nil && release.inputs.Inputs == in.Inputs && release.inputs.linker == in.linker
	if isSame && !n.tags.hasRoomFor(r.Namespace, release.needs) {
		return release.needs
	}
	return n.cache.find(r, release.needs, n.tags)
}

// left returns how many more pins the releases of a namespace may have.
func (n *neededPins) left(namespace string) int {
	releases := n.tags[namespace].releases + n.cache.tags[namespace].releases
	return max(0, budget.NamespacePins+releases*budget.PinsPerRelease-max(n.needed[namespace], n.listed[namespace])-n.held[namespace])
}

// noteCrowded notes a release if its namespace has no room for all that it needs.
func (n *neededPins) noteCrowded(release *protectedRelease) {
	if release.needs.refused > 0 || release.room.missed > 0 && release.room.most < budget.Pins {
		n.crowded = append(n.crowded, release)
	}
}

// hasRoom reports whether there is room beside these pins for one that is crowded.
func (n *neededPins) hasRoom(listed []v1alpha1.Pin) bool {
	if len(n.crowded) == 0 {
		return false
	}
	n.held, n.listed = heldByNamespace(listed), nil
	return slices.ContainsFunc(n.crowded, func(release *protectedRelease) bool {
		namespace := release.report.Namespace
		return n.tags.hasRoomFor(namespace, release.needs) || release.room.missed > 0 && n.left(namespace) > 0
	})
}

// addRelease adds a protected release, of which nothing is known yet.
func (n *neededPins) addRelease(r *Release) *protectedRelease {
	release := n.releases.Put(r.ID, protectedRelease{owner: r.String()})
	n.newReleases = append(n.newReleases, release)
	return release
}

// put brings the entry of a protected release up to date.
func (n *neededPins) put(r *Release, in *protectedInputs, needs *needs, previous *previousPins) *protectedRelease {
	release, left := n.releases.Peek(r.ID), n.left(r.Namespace)
	n.withdraw(release)
	release.inputs, release.needs, release.ran, release.last = *in, needs, nil, nil
	release.hasPlaces, release.hasRanMore = false, false
	release.room = newRoom(previous.of(release.owner), left)
	for i := range release.needs.tags {
		tag := &release.needs.tags[i]
		for _, l := range lines(n.registries, tag.Repository, tag.Tag) {
			if u := n.add(release, l, tag.Digest, tag.via); u != nil {
				u.isTrusted = u.isTrusted || tag.isTrusted
			}
		}
	}
	switch {
	case r.Suspended:
		n.keep(release, r, previous)
	case r.isUnknown(), release.needs.isOver:
		for _, p := range previous.of(release.owner) {
			n.addPrevious(release, p)
		}
	default:
		digests := newNamedDigests(release.needs)
		for _, p := range previous.of(release.owner) {
			if l := (line{p.Pin, p.Image}); !n.isUsed(l, release) && digests.has(l, p) {
				n.addPrevious(release, p)
			}
		}
	}
	n.needed[r.Namespace] += len(release.pins)
	release.report = release.entry(r.ID)
	release.room.previous, release.room.listed = nil, nil // they would keep the pins of an old report in memory
	return release
}

// needsOf returns what a release of the snapshot needs that the pins were updated with.
func (n *neededPins) needsOf(r *Release) *needs {
	if release := n.releases.Peek(r.ID); release != nil {
		return release.needs
	}
	return n.cache.of(r)
}

// removeGone removes the releases that are not protected any more.
func (n *neededPins) removeGone() {
	for _, release := range n.releases.Sweep() {
		n.withdraw(release)
		n.tags.replace(release.report.Namespace, release.needs, nil)
		release.isGone, n.hasGone = true, true
	}
}

// finish brings the pins up to date.
func (n *neededPins) finish() {
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
	problems := slices.Clone(release.needs.problems)
	if release.inputs.problem != (v1alpha1.Problem{}) {
		problems = append(problems, release.inputs.problem)
	}
	if len(pins) == 0 && len(release.needs.outside) == 0 {
		problems = append(problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonNoPin, Message: "nothing is pinned for this release: " + release.needs.whyNoPin(),
		})
	}
	if len(release.last) > 0 {
		problems = append(problems, lastTagsKept(release.last))
	}
	if why := release.inputs.ranUnknown; why != "" {
		problems = append(problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonRanUnknown, Message: "what it ran is not known in full, and tags of it may be missing: " + why,
		})
	}
	if release.hasRanMore {
		problems = append(problems, ranMore())
	}
	if release.room.missed > 0 {
		problems = append(problems, notAllPinned(release.room.missed))
	}
	entry := releaseEntry(id, release.inputs.state, release.needs, pins, problems)
	if release.inputs.state == v1alpha1.ReleaseSuspended {
		entry.Ran = release.ran
	}
	return entry
}

// isUsed reports whether a release needs a pin.
func (n *neededPins) isUsed(l line, release *protectedRelease) bool {
	p := n.pins[l]
	return p != nil && p.uses[release] != nil
}

// add notes that a release needs a pin, and returns how it names it; nil, it may have none more.
func (n *neededPins) add(release *protectedRelease, l line, digest string, via ...string) *use {
	if !n.isUsed(l, release) && !release.room.take(l, release.pins) {
		return nil
	}
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
	return u
}

// addPrevious notes that a release needs a pin of the last list, as it was found then.
func (n *neededPins) addPrevious(release *protectedRelease, p *v1alpha1.Pin) {
	release.hasPlaces = true
	if u := n.add(release, line{p.Pin, p.Image}, "", places(p.Via)...); u != nil {
		u.digests = append(u.digests, p.Digests...)
	}
}

// withdraw notes that a release needs no pin.
func (n *neededPins) withdraw(release *protectedRelease) {
	namespace := release.report.Namespace
	if n.needed[namespace] -= len(release.pins); n.needed[namespace] == 0 {
		delete(n.needed, namespace)
	}
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
