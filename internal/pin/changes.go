package pin

import (
	"cmp"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Change is a change of the pins of one release.
type Change struct {
	// Owner is the release, as Kind/namespace/name.
	Owner string
	Kind  ChangeKind
	// Pins are those that have changed, sorted.
	Pins []string
}

// ChangeKind is a kind of change.
type ChangeKind string

const (
	// Pinned is the change of pins that the release needs, and did not need before.
	Pinned ChangeKind = "Pinned"
	// Held is the change of pins that it needed, and that are held for it now.
	Held ChangeKind = "Held"
	// Unpinned is the change of pins that are not in the list for it any more.
	Unpinned ChangeKind = "Unpinned"
)

// Changes returns what has changed between the pins of a list and those of the one after it,
// both in the order of ComparePins, sorted by owner.
func Changes(before, after []v1alpha1.Pin) []Change {
	changed := map[changeKey][]string{}
	for len(before) > 0 || len(after) > 0 {
		// One pin may stand for two images, of which a release needs one.
		pin := firstPin(before, after)
		was, is := sameAs(pin, before), sameAs(pin, after)
		before, after = before[len(was):], after[len(is):]
		if slices.EqualFunc(was, is, hasSameOwners) {
			continue
		}
		addChanges(changed, pin, ownersOf(was), ownersOf(is))
	}
	changes := make([]Change, 0, len(changed))
	for key, pins := range changed {
		changes = append(changes, Change{Owner: key.owner, Kind: key.kind, Pins: sortedSet(pins)})
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Kind, b.Kind))
	})
	return changes
}

// AddsOwner reports whether an image of a pin has an owner in the second of two lists that it does
// not have in the first, or has in another way: that needs it, or that it is held for. Both are in
// the order of ComparePins.
func AddsOwner(before, after []v1alpha1.Pin) bool {
	none := &v1alpha1.Pin{}
	for i := range after {
		p := &after[i]
		for len(before) > 0 && ComparePins(&before[0], p) < 0 {
			before = before[1:]
		}
		was := none
		if len(before) > 0 && ComparePins(&before[0], p) == 0 {
			was = &before[0]
		}
		if slices.ContainsFunc(p.NeededBy, func(owner string) bool { return !isNeededBy(was, owner) }) {
			return true
		}
		if slices.ContainsFunc(p.HeldFor, func(h v1alpha1.Hold) bool {
			return !hasOwner(was.HeldFor, h.Owner)
		}) {
			return true
		}
	}
	return false
}

// isNeededBy reports whether an owner needs a pin. An image may be needed by every release of a
// large cluster. Owners out of order, as somebody may have put them, are at worst not found.
func isNeededBy(p *v1alpha1.Pin, owner string) bool {
	_, ok := slices.BinarySearch(p.NeededBy, owner)
	return ok
}

type changeKey struct {
	owner string
	kind  ChangeKind
}

// firstPin returns the first of the pins of two lists of which one is not empty.
func firstPin(a, b []v1alpha1.Pin) string {
	switch {
	case len(a) == 0:
		return b[0].Pin
	case len(b) == 0:
		return a[0].Pin
	default:
		return min(a[0].Pin, b[0].Pin)
	}
}

// sameAs returns the entries of a pin at the beginning of a list.
func sameAs(pin string, list []v1alpha1.Pin) []v1alpha1.Pin {
	n := 0
	for n < len(list) && list[n].Pin == pin {
		n++
	}
	return list[:n]
}

func hasSameOwners(a, b v1alpha1.Pin) bool {
	return slices.Equal(a.NeededBy, b.NeededBy) &&
		slices.EqualFunc(a.HeldFor, b.HeldFor, func(a, b v1alpha1.Hold) bool { return a.Owner == b.Owner })
}

// ownersOf returns the owners of the entries of one pin; true, the owner needs it.
func ownersOf(entries []v1alpha1.Pin) map[string]bool {
	owners := map[string]bool{}
	for i := range entries {
		for _, hold := range entries[i].HeldFor {
			if isRelease(hold.Owner) {
				if _, ok := owners[hold.Owner]; !ok {
					owners[hold.Owner] = false
				}
			}
		}
		for _, owner := range entries[i].NeededBy {
			owners[owner] = true
		}
	}
	return owners
}

// addChanges adds what has changed for the owners of one pin.
func addChanges(changed map[changeKey][]string, pin string, was, is map[string]bool) {
	add := func(owner string, kind ChangeKind) {
		key := changeKey{owner, kind}
		changed[key] = append(changed[key], pin)
	}
	for owner, needs := range is {
		switch needed := was[owner]; {
		case needs && !needed:
			add(owner, Pinned)
		case needed && !needs:
			add(owner, Held)
		}
	}
	for owner := range was {
		if _, ok := is[owner]; !ok {
			add(owner, Unpinned)
		}
	}
}
