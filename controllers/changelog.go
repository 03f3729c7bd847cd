package controllers

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// maxLoggedChanges is of how many changed pins a pass logs a line each. The report has them all.
const maxLoggedChanges = 100

// changeLog logs which pins of a written list have come, are held and have gone: for which release,
// and why.
type changeLog struct {
	// pins are those of the list before; isStarted, they are known.
	pins      []v1alpha1.Pin
	isStarted bool
}

// log logs how the pins differ from those that were logged last; at the start, from those before.
func (c *changeLog) log(ctx context.Context, before, pins []v1alpha1.Pin) {
	if !c.isStarted {
		c.pins, c.isStarted = before, true
	}
	logger, n := log.FromContext(ctx), 0
	for _, change := range pin.Changes(c.pins, pins) {
		for _, name := range change.Pins {
			if n++; n > maxLoggedChanges {
				continue
			}
			logger.Info(string(change.Kind), "pin", name, "release", change.Owner, "because", c.reason(&change, name, pins))
		}
	}
	if n > maxLoggedChanges {
		logger.Info("And more pins have changed", "pins", n-maxLoggedChanges)
	}
	c.pins = pins
}

// reason returns why a pin has changed for a release.
func (c *changeLog) reason(change *pin.Change, name string, after []v1alpha1.Pin) string {
	switch change.Kind {
	case pin.Pinned:
		if p := find(after, name); p != nil {
			return image.Shorten("found in " + strings.Join(p.Via, ", "))
		}
	case pin.Held:
		if p := find(after, name); p != nil && p.HeldBecause != nil {
			return *p.HeldBecause
		}
		return "another release needs it"
	case pin.Unpinned:
		if p := find(c.pins, name); p != nil {
			return whyRemoved(p, change.Owner)
		}
	}
	return ""
}

// whyRemoved returns why a pin could be removed for an owner.
func whyRemoved(before *v1alpha1.Pin, owner string) string {
	i := slices.IndexFunc(before.HeldFor, func(h v1alpha1.Hold) bool { return h.Owner == owner })
	switch {
	case i >= 0 && before.HeldFor[i].SafeSince != nil && before.HeldFor[i].Live:
		return "proven live since " + *before.HeldFor[i].SafeSince
	case i >= 0 && before.HeldFor[i].SafeSince != nil:
		return "deleted, disabled or suspended with another tag since " + *before.HeldFor[i].SafeSince
	default:
		return "no longer needed"
	}
}

// find returns the first entry of a pin, in a list in the order of ComparePins.
func find(pins []v1alpha1.Pin, name string) *v1alpha1.Pin {
	i, ok := slices.BinarySearchFunc(pins, name, func(p v1alpha1.Pin, name string) int { return cmp.Compare(p.Pin, name) })
	if !ok {
		return nil
	}
	return &pins[i]
}
