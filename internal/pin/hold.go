package pin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// heldPins is the result of the second stage: the pins that no release needs, and that may not
// be removed yet.
type heldPins struct {
	// pins are in the order of ComparePins.
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

	held    map[line]*heldPin
	besides map[line][]v1alpha1.Hold
	// added is for how many releases of each namespace pins are held that were not held for them before.
	added map[string]int
}

// heldPin is a pin that is held, and what it waits for.
type heldPin struct {
	pin   v1alpha1.Pin
	waits []string
}

// wait adds what the pin waits for.
func (p *heldPin) wait(v *verdict) {
	switch {
	case !v.safe:
		p.waits = append(p.waits, v.because)
	case v.awaitsChart():
		p.waits = append(p.waits, "the chart of "+v.owner.String()+" was not rendered as it is now yet")
	}
}

// hold goes through what the last list said. Each of its pins stays until every owner has
// been safe without it for the whole of the grace.
func hold(s *Snapshot, o Options, protector *Protector, needed *neededPins) *heldPins {
	knowsAll := s.Complete() && s.AllReleases
	h := &holder{
		prover: prover{
			snapshot: s, readyIsProof: o.ReadyIsProof, ownersUnknown: s.Memory.OwnersUnknown && !knowsAll && len(s.Memory.Pins) > 0,
			owners:  &owners{registries: o.Registries, protector: protector, needed: needed, snapshot: s, known: map[string]*owner{}},
			running: map[string]map[tracedImage]time.Time{}, jobs: map[string]map[tracedImage]time.Time{},
		},
		grace: o.Grace, confirmed: s.Confirmed, since: s.Since, ownersOf: holdsOf,
		held: map[line]*heldPin{}, besides: map[line][]v1alpha1.Hold{}, added: map[string]int{},
	}
	if s.AllReleases {
		h.findOwners(s.Memory.OwnersUnknown)
	}
	for previous, now := range needed.beside(s.Memory.Pins) {
		l := line{previous.Pin, previous.Image}
		switch {
		case now == nil:
			h.hold(previous, l)
		case s.AllReleases, len(previous.HeldFor) > 0, !slices.Equal(previous.NeededBy, now.report.NeededBy):
			h.holdBesides(now.report.NeededBy, l, h.ownersOf(previous))
		}
	}
	h.awaitReady()
	resuming := h.owners.resuming()
	for _, owner := range resuming {
		h.holdPresent(owner, needed)
	}
	return h.result(resuming)
}

// awaitReady has the releases that had no pin while they were suspended wait, once they are resumed, until they are
// Ready: what they refer to now is held until then.
func (h *holder) awaitReady() {
	for i := range h.snapshot.Releases {
		r := &h.snapshot.Releases[i]
		if r.Ready || h.owners.protector.Protects(r) {
			continue
		}
		if before := h.snapshot.Memory.release(r.ID); before == nil || !isWithoutPins(before) {
			continue
		}
		if o := h.owners.of(r.String()); o != nil {
			o.isWaiting = true
		}
	}
}

// result returns what is held.
func (h *holder) result(resuming []*owner) *heldPins {
	result := &heldPins{besides: h.besides, ownersUnknown: h.ownersUnknown}
	for _, held := range h.held {
		held.pin.HeldBecause = new(h.because(held.waits, held.pin.HeldFor))
		result.pins = append(result.pins, held.pin)
	}
	sortPins(result.pins)
	for _, owner := range resuming {
		result.resuming = append(result.resuming, owner.entry(h.readyIsProof))
	}
	return result
}

// findOwners makes the owners of a pin of which not all are known all releases that refer to its
// image, now or in the grace that begins then, with whatever tag: they may have referred to this
// one.
func (h *holder) findOwners(ownersUnknown bool) {
	var byName map[string][]string
	byName, h.unreadable = h.owners.referring()
	h.ownersOf = func(previous *v1alpha1.Pin) []v1alpha1.Hold {
		holds := holdsOf(previous)
		switch {
		case hasOwner(holds, v1alpha1.UnknownOwner):
		case ownersUnknown:
			holds = addHolds(holds, v1alpha1.OtherOwners)
		case !hasOwner(holds, v1alpha1.OtherOwners):
			return holds
		}
		return addHolds(holds, byName[line{previous.Pin, previous.Image}.repository()]...)
	}
}

// holdBesides holds a needed pin for the owners that do not need it, and may.
func (h *holder) holdBesides(neededBy []string, l line, holds []v1alpha1.Hold) {
	var besides []v1alpha1.Hold
	for _, hold := range holds {
		if _, ok := slices.BinarySearch(neededBy, hold.Owner); ok {
			continue
		}
		v := h.judge(hold.Owner, l)
		isOver := h.isOver(&hold, &v)
		v.note(l, isOver, isOver)
		if !isOver {
			besides = append(besides, hold)
		}
	}
	if len(besides) > 0 {
		h.besides[l] = besides
	}
}

// hold holds a listed pin that no release needs, unless it may be removed.
func (h *holder) hold(previous *v1alpha1.Pin, l line) {
	pin := *previous
	pin.State, pin.NeededBy, pin.HeldFor, pin.Via = v1alpha1.PinHeld, []string{}, h.ownersOf(previous), places(previous.Via)
	if pin.HeldSince == nil {
		pin.HeldSince = timestamp(h.snapshot.Taken)
	}
	mayRemove := true
	verdicts, over := make([]verdict, len(pin.HeldFor)), make([]bool, len(pin.HeldFor))
	for i := range pin.HeldFor {
		verdicts[i] = h.judge(pin.HeldFor[i].Owner, l)
		over[i] = h.isOver(&pin.HeldFor[i], &verdicts[i])
		mayRemove = over[i] && mayRemove
	}
	held := &heldPin{pin: pin}
	for i := range verdicts {
		verdicts[i].note(l, over[i], mayRemove)
		held.wait(&verdicts[i])
	}
	if !mayRemove {
		h.held[l] = held
	}
}

// note notes of the owner what becomes of its hold on a pin: whether it is over, and whether it
// is removed.
func (v *verdict) note(l line, isOver, isRemoved bool) {
	o := v.owner
	if o == nil {
		return
	}
	o.isWaiting = o.isWaiting || !isOver
	switch {
	case !isRemoved:
		o.holds[l] = true
	case v.refers && v.live:
		o.live[l] = true
	}
}

// holdPresent holds what a resuming release refers to now, too: until it is proven live on it, a
// resume needs that. What only policies name on which it does not rely is held until it is live on
// something else.
func (h *holder) holdPresent(o *owner, needed *neededPins) {
	live := map[string]bool{}
	if before := h.snapshot.Memory.release(o.ID); before != nil {
		for _, pin := range before.Live {
			live[pin] = true
		}
	}
	name := o.String()
	for i, l := range slices.Concat(o.lines, o.foreign) {
		now := needed.pins[l]
		if o.holds[l] || o.live[l] || now != nil && isNeededBy(&now.report, name) {
			continue
		}
		if len(o.holds) >= budget.Pins || h.added[o.Namespace] >= needed.left(o.Namespace) {
			o.missed++
			continue
		}
		isForeign := i >= len(o.lines)
		switch v := h.judge(name, l); {
		case v.safe && isForeign:
		case v.safe && live[l.pin]:
			o.live[l] = true
		default:
			h.addHold(o, l, &v, now != nil)
		}
	}
}

// addHold holds a pin for an owner that it was not held for.
func (h *holder) addHold(o *owner, l line, v *verdict, isNeeded bool) {
	h.added[o.Namespace]++
	hold := v1alpha1.Hold{Owner: o.String()}
	h.isOver(&hold, v)
	v.note(l, false, false)
	if isNeeded {
		h.besides[l] = mergeHolds(append(h.besides[l], hold))
		return
	}
	held := h.held[l]
	if held == nil {
		held = &heldPin{pin: v1alpha1.Pin{
			Pin: l.pin, Image: l.image, State: v1alpha1.PinHeld, NeededBy: []string{},
			Via: o.places(l), HeldSince: timestamp(h.snapshot.Taken),
		}}
		h.held[l] = held
	}
	held.pin.HeldFor = mergeHolds(append(held.pin.HeldFor, hold))
	held.wait(v)
}

// isOver brings the time of a hold up to date, and reports whether it has lasted for the
// whole of the grace: without interruption, up to what was observed last, and by what the API
// server itself has answered. It is not over before the owner's chart is rendered as it is now, which
// may name the pin again.
func (h *holder) isOver(hold *v1alpha1.Hold, v *verdict) bool {
	if !v.safe || hold.Live != v.live {
		hold.SafeSince, hold.Live = nil, v.safe && v.live
	}
	if !v.safe {
		return false
	}
	from := safeFrom(hold.SafeSince, h.snapshot.Taken, v.since)
	hold.SafeSince = timestamp(from.Add(time.Second - 1)) // never too early by what is cut off
	observed := safeFrom(hold.SafeSince, h.snapshot.Taken, h.since)
	return h.isConfirmed(hold.Owner) && !v.awaitsChart() && v.at.Sub(observed) >= h.grace
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
