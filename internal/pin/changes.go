package pin

import (
	"cmp"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Change is what has become of pins of one release.
type Change struct {
	// Release is its namespace/name.
	Release string
	Kind    ChangeKind
	// Pins are those that it is about, sorted.
	Pins []string
}

// ChangeKind is a kind of change.
type ChangeKind string

const (
	// Pinned says that the release needs the pins, and did not before.
	Pinned ChangeKind = "Pinned"
	// Held says that it needed them, and they are held for it now.
	Held ChangeKind = "Held"
	// Unpinned says that they are in the list for it no more.
	Unpinned ChangeKind = "Unpinned"
)

// Changes returns what has changed between a list and the one after it, sorted by release.
func Changes(before, after []v1alpha1.Pin) []Change {
	was, is := standings(before), standings(after)
	changed := map[changeKey][]string{}
	for at, needed := range is {
		switch wasNeeded := was[at]; {
		case needed && !wasNeeded:
			at.add(changed, Pinned)
		case wasNeeded && !needed:
			at.add(changed, Held)
		}
	}
	for at := range was {
		if _, isListed := is[at]; !isListed {
			at.add(changed, Unpinned)
		}
	}
	changes := make([]Change, 0, len(changed))
	for key, pins := range changed {
		changes = append(changes, Change{Release: key.release, Kind: key.kind, Pins: sortedSet(pins)})
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Release, b.Release), cmp.Compare(a.Kind, b.Kind))
	})
	return changes
}

type changeKey struct {
	release string
	kind    ChangeKind
}

// standing is a pin that is in a list for a release.
type standing struct{ release, pin string }

func (s standing) add(changed map[changeKey][]string, kind ChangeKind) {
	key := changeKey{s.release, kind}
	changed[key] = append(changed[key], s.pin)
}

// standings returns the pins of a list by those that they are in it for; true, the release
// needs it.
func standings(pins []v1alpha1.Pin) map[standing]bool {
	found := map[standing]bool{}
	for i := range pins {
		for _, hold := range pins[i].HeldFor {
			if hold.Release != v1alpha1.HeldForUnknown {
				found[standing{hold.Release, pins[i].Pin}] = false
			}
		}
	}
	// One pin may stand for two images, of which one is needed.
	for i := range pins {
		for _, release := range pins[i].NeededBy {
			found[standing{release, pins[i].Pin}] = true
		}
	}
	return found
}
