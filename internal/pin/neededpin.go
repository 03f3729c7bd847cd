package pin

import (
	"iter"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

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

func compareNeeded(a, b **neededPin) int { return compareLines((*a).line, (*b).line) }

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
