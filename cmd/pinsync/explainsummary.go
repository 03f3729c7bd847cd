package main

import (
	"fmt"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// summary returns what the published list has for the release.
func (e *explanation) summary() string {
	state := "suspended"
	switch {
	case !e.Release.Suspended && e.Release.Ready:
		state = "resumed and Ready"
	case !e.Release.Suspended:
		state = "not suspended, not Ready"
	}
	if e.list == nil {
		return state + ", unknown whether its tags are pinned"
	}
	parts := []string{state}
	switch {
	case !e.Release.Suspended && !e.Protected:
		parts = append(parts, e.stillKept())
	case !e.Protected:
		parts = append(parts, "not protected", e.pinned())
	default:
		parts = append(parts, e.pinned())
	}
	if e.doubt != nil {
		parts = append(parts, "in a list that must not be relied on")
	}
	parts = append(parts, fmt.Sprintf("list %s old", ageOf(e.list)))
	return strings.Join(parts, ", ")
}

// pinned returns how many of the release's tags the list has.
func (e *explanation) pinned() string {
	tags, pinned := pin.AsFound(e.Pins), 0
	for i := range tags {
		if e.isListed(tags[i].Pin) {
			pinned++
		}
	}
	kept := len(e.kept())
	switch {
	case pinned > 0:
		return fmt.Sprintf("%d of %d tags pinned", pinned, len(tags))
	case kept > 0:
		return fmt.Sprintf("only %s pinned", object.Amount(kept, "earlier tag"))
	default:
		return "and nothing is pinned"
	}
}

// stillKept returns which tags the list still has for a release that is not suspended, and is not
// protected as such, and what they wait for.
func (e *explanation) stillKept() string {
	kept, waiting := e.kept(), 0
	for _, entry := range kept {
		if slices.Contains(waitingFor(entry.HeldFor), e.Release.String()) {
			waiting++
		}
	}
	switch {
	case len(kept) == 0:
		return "no tag is kept for it"
	case waiting == 0:
		return fmt.Sprintf("%s still kept until the grace is over", object.Amount(len(kept), "tag"))
	case waiting == len(kept):
		return fmt.Sprintf("%s still kept until it is proven live", object.Amount(len(kept), "tag"))
	default:
		return fmt.Sprintf("%s still kept, %d of them until it is proven live", object.Amount(len(kept), "tag"), waiting)
	}
}

// kept returns the pins that the list has for the release, whether it refers to them or not.
func (e *explanation) kept() []*v1alpha1.Pin {
	var kept []*v1alpha1.Pin
	for _, p := range e.pins() {
		if p.Entry != nil && e.isFor(p.Entry) {
			kept = append(kept, p.Entry)
		}
	}
	return kept
}
