package pin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// heldPins is the result of the second stage: the pins of the last list that no release
// needs, and that may not be removed yet.
type heldPins struct {
	pins []v1alpha1.Pin
	// besides are the owners that needed pins are held for besides those that need them.
	besides map[line][]v1alpha1.Hold
	// resuming is what the report has for the owners that are not suspended.
	resuming []v1alpha1.Release
	// ownersUnknown is set if it is still not known which releases needed the pins.
	ownersUnknown bool
}

// holder decides which pins are held.
type holder struct {
	prover
	grace     time.Duration
	confirmed map[object.ID]bool
	since     time.Time
	// ownersOf returns for whom a listed pin is held.
	ownersOf func(*v1alpha1.Pin) []v1alpha1.Hold
}

// hold goes through what the last list said. Each of its pins stays until every owner has
// been safe without it for the whole of the grace.
func hold(s *Snapshot, o Options, protector *Protector, cache *needsCache, needed *neededPins) *heldPins {
	knowsAll := s.Complete() && s.AllReleases
	h := &holder{
		prover: prover{
			snapshot: s, readyIsProof: o.ReadyIsProof, ownersUnknown: s.Memory.OwnersUnknown && !knowsAll,
			owners:  &owners{registries: o.Registries, protector: protector, cache: cache, snapshot: s, known: map[string]*owner{}},
			running: map[string]map[string]time.Time{},
		},
		grace: o.Grace, confirmed: s.Confirmed, since: s.Since, ownersOf: holdsOf,
	}
	if knowsAll {
		h.findOwners(s.Memory.OwnersUnknown)
	}
	result := &heldPins{besides: map[line][]v1alpha1.Hold{}, ownersUnknown: h.ownersUnknown}
	for i := range s.Memory.Pins {
		previous := &s.Memory.Pins[i]
		l := line{previous.Pin, previous.Image}
		switch now := needed.pins[l]; {
		case now == nil:
			if pin := h.held(previous, l); pin != nil {
				result.pins = append(result.pins, *pin)
			}
		case knowsAll, len(previous.HeldFor) > 0, !slices.Equal(previous.NeededBy, now.report.NeededBy):
			if besides := h.besides(now.report.NeededBy, l, h.ownersOf(previous)); len(besides) > 0 {
				result.besides[l] = besides
			}
		}
	}
	result.resuming = h.owners.resuming(o.ReadyIsProof)
	return result
}

// findOwners makes the owners of a pin of which not all are known all releases that refer to it,
// now or in the grace that begins then; and, where none is known, those that may refer to any.
func (h *holder) findOwners(ownersUnknown bool) {
	byImage, unknown := h.owners.referring()
	h.ownersOf = func(previous *v1alpha1.Pin) []v1alpha1.Hold {
		holds := holdsOf(previous)
		switch {
		case hasOwner(holds, v1alpha1.UnknownOwner):
			holds = addHolds(holds, unknown...)
		case ownersUnknown:
			holds = addHolds(holds, v1alpha1.OtherOwners)
		case !hasOwner(holds, v1alpha1.OtherOwners):
			return holds
		}
		return addHolds(holds, byImage[line{previous.Pin, previous.Image}.ref()]...)
	}
}

// besides returns for which owners a needed pin is held besides those that need it. An owner
// that no longer refers to it is dropped after the grace; whether the others are live is
// decided once no release needs it.
func (h *holder) besides(neededBy []string, l line, holds []v1alpha1.Hold) []v1alpha1.Hold {
	var besides []v1alpha1.Hold
	for _, hold := range holds {
		if _, ok := slices.BinarySearch(neededBy, hold.Owner); ok {
			continue
		}
		v := h.judge(hold.Owner, l)
		v.safe = v.safe && v.owner == nil
		if !h.isOver(&hold, &v) {
			besides = append(besides, hold)
		}
	}
	return besides
}

// held returns a listed pin that no release needs as it is held now; nil, it may be removed.
func (h *holder) held(previous *v1alpha1.Pin, l line) *v1alpha1.Pin {
	pin := *previous
	pin.State, pin.NeededBy, pin.HeldFor, pin.Via = v1alpha1.PinHeld, []string{}, h.ownersOf(previous), places(previous.Via)
	if pin.HeldSince == nil {
		pin.HeldSince = timestamp(h.snapshot.Taken)
	}
	mayRemove := true
	var waits []string
	var referring []*owner
	for i := range pin.HeldFor {
		v := h.judge(pin.HeldFor[i].Owner, l)
		mayRemove = h.isOver(&pin.HeldFor[i], &v) && mayRemove
		if !v.safe {
			waits = append(waits, v.because)
		}
		if v.owner != nil {
			referring = append(referring, v.owner)
		}
	}
	if mayRemove {
		return nil
	}
	for _, o := range referring {
		o.held = append(o.held, l.pin)
	}
	because := h.because(waits, pin.HeldFor)
	pin.HeldBecause = &because
	return &pin
}

// isOver brings the time of a hold up to date, and reports whether it has lasted for the
// whole of the grace: without interruption, up to what was observed last, and by what the API
// server itself has answered.
func (h *holder) isOver(hold *v1alpha1.Hold, v *verdict) bool {
	if isLive := v.owner != nil; !v.safe || hold.Live != isLive {
		hold.SafeSince, hold.Live = nil, v.safe && isLive
	}
	if !v.safe {
		return false
	}
	from := safeFrom(hold.SafeSince, h.snapshot.Taken, v.since)
	hold.SafeSince = timestamp(from.Add(time.Second - 1)) // never too early by what is cut off
	observed := safeFrom(hold.SafeSince, h.snapshot.Taken, h.since)
	return h.isConfirmed(hold.Owner) && v.at.Sub(observed) >= h.grace
}

func (h *holder) isConfirmed(owner string) bool {
	id, ok := object.ParseID(owner)
	return !isRelease(owner) || ok && h.confirmed[id]
}

// because returns what a held pin waits for.
func (h *holder) because(waits []string, holds []v1alpha1.Hold) string {
	if len(waits) > 0 {
		return strings.Join(few(sortedSet(waits), 3), "; ")
	}
	safe := h.since
	for i := range holds {
		safe = safeFrom(holds[i].SafeSince, h.snapshot.Taken, safe)
	}
	return fmt.Sprintf("no release needs it; removed at %s at the earliest", *timestamp(safe.Add(h.grace)))
}
