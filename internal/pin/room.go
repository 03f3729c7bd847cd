package pin

import (
	"fmt"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// room is how many pins a release may have that it did not have before. Those that it had are
// never given up for others.
type room struct {
	// most is how many it may have, and left how many of these were not taken yet; missed are those for which there
	// was no room.
	most, left, missed int
	// previous are the pins that it had. listed are the same, once somebody asks.
	previous []*v1alpha1.Pin
	listed   map[line]bool
}

// newRoom returns the room of a release that had these pins, in a namespace that may have so many more.
func newRoom(previous []*v1alpha1.Pin, inNamespace int) room {
	most := min(budget.Pins, len(previous)+inNamespace)
	return room{most: most, left: most, previous: previous}
}

// take takes the room for a pin besides those that were taken, and reports whether there was any. As
// long as it suffices for all that there were before besides, nobody has to know them.
func (r *room) take(l line, taken []*neededPin) bool {
	if r.listed == nil && r.left > len(r.previous) {
		r.left--
		return true
	}
	if r.listed == nil {
		r.list(taken)
	}
	switch {
	case r.listed[l]:
		return true
	case r.left > 0:
		r.left--
		return true
	default:
		r.missed++
		return false
	}
}

// list lists the pins that there were before, and counts the room without them.
func (r *room) list(taken []*neededPin) {
	r.listed = make(map[line]bool, len(r.previous))
	for _, p := range r.previous {
		r.listed[line{p.Pin, p.Image}] = true
	}
	r.left = r.most - len(r.previous)
	for _, p := range taken {
		if !r.listed[p.line] {
			r.left--
		}
	}
}

// heldByNamespace returns how many pins are held for the releases of each namespace.
func heldByNamespace(pins []v1alpha1.Pin) map[string]int {
	held := map[string]int{}
	for i := range pins {
		for j := range pins[i].HeldFor {
			countOwner(held, pins[i].HeldFor[j].Owner)
		}
	}
	return held
}

// neededByNamespace returns how many pins the releases of each namespace need.
func neededByNamespace(pins []v1alpha1.Pin) map[string]int {
	needed := map[string]int{}
	for i := range pins {
		for _, owner := range pins[i].NeededBy {
			countOwner(needed, owner)
		}
	}
	return needed
}

func countOwner(byNamespace map[string]int, owner string) {
	if id, ok := object.ParseID(owner); ok {
		byNamespace[id.Namespace]++
	}
}

// notAllPinned returns the problem of a release for whose images there is no room.
func notAllPinned(missed int) v1alpha1.Problem {
	return v1alpha1.Problem{
		Reason: v1alpha1.ReasonOverBudget,
		Message: fmt.Sprintf("%d of its images are not pinned: with what is held they are more than %d pins of the release, or %d of all releases of its namespace",
			missed, budget.Pins, budget.NamespacePins),
	}
}

// CutBack limits how many pins each owner has: a version without a budget may have listed very
// many for one. A pin without an owner is dropped, if it had one.
func CutBack(pins []v1alpha1.Pin) []v1alpha1.Pin {
	count := map[string]int{}
	isTooMany := func(owner string) bool {
		count[owner]++
		return isRelease(owner) && count[owner] > budget.Pins
	}
	kept := pins[:0]
	for _, p := range pins {
		isOwned := len(p.NeededBy)+len(p.HeldFor) > 0
		p.NeededBy = slices.DeleteFunc(p.NeededBy, isTooMany)
		p.HeldFor = slices.DeleteFunc(p.HeldFor, func(h v1alpha1.Hold) bool { return isTooMany(h.Owner) })
		if !isOwned || len(p.NeededBy)+len(p.HeldFor) > 0 {
			kept = append(kept, p)
		}
	}
	return kept
}
