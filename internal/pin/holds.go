package pin

import (
	"cmp"
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// holdsOf returns for which owners a listed pin is held once no release needs it: all that
// needed it, sorted.
func holdsOf(p *v1alpha1.Pin) []v1alpha1.Hold {
	holds := slices.Clone(p.HeldFor)
	for _, owner := range p.NeededBy {
		holds = append(holds, v1alpha1.Hold{Owner: owner})
	}
	if len(holds) == 0 {
		holds = append(holds, v1alpha1.Hold{Owner: v1alpha1.UnknownOwner})
	}
	return mergeHolds(holds)
}

// mergeHolds sorts holds, and makes one of all those for an owner: the one that has been
// safe for the shortest time.
func mergeHolds(holds []v1alpha1.Hold) []v1alpha1.Hold {
	slices.SortStableFunc(holds, func(a, b v1alpha1.Hold) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), compareSafe(a.SafeSince, b.SafeSince))
	})
	return slices.CompactFunc(holds, func(a, b v1alpha1.Hold) bool { return a.Owner == b.Owner })
}

// compareSafe puts what is not safe before what has been for the shortest time.
func compareSafe(a, b *string) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return cmp.Compare(*b, *a)
	}
}

// addHolds adds owners to sorted holds that are not among them.
func addHolds(holds []v1alpha1.Hold, owners ...string) []v1alpha1.Hold {
	var added []v1alpha1.Hold
	for _, owner := range owners {
		if !hasOwner(holds, owner) {
			added = append(added, v1alpha1.Hold{Owner: owner})
		}
	}
	return mergeHolds(append(added, holds...))
}

// hasOwner reports whether an owner is among sorted holds.
func hasOwner(holds []v1alpha1.Hold, owner string) bool {
	_, ok := slices.BinarySearchFunc(holds, owner, func(h v1alpha1.Hold, owner string) int { return cmp.Compare(h.Owner, owner) })
	return ok
}

// isRelease reports whether an owner is a release, and does not stand for unknown ones.
func isRelease(owner string) bool {
	return owner != v1alpha1.UnknownOwner && owner != v1alpha1.OtherOwners
}

// safeFrom returns from when an owner that is safe now counts as safe: from when its hold
// has it, but not before the times given; and from now where the hold has nothing, or a time
// in the future.
func safeFrom(safeSince *string, now time.Time, notBefore ...time.Time) time.Time {
	if safeSince == nil {
		return now
	}
	from, err := time.Parse(time.RFC3339, *safeSince)
	for _, t := range notBefore {
		if t.After(from) {
			from = t
		}
	}
	if err != nil || from.After(now) {
		return now
	}
	return from
}

func timestamp(t time.Time) *string {
	return new(t.UTC().Format(time.RFC3339))
}
