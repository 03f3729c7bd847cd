package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
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
