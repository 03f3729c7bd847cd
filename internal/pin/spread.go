package pin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// MostTold is how many objects a list is spread over at most with all that its report has
// to say. Where more would be needed, places and problems are left out, and with them a good
// part of its size.
const MostTold = 16

// mostParts is how many objects a list is spread over at most.
const mostParts = 1024

// chunk is how many bytes the releases of one entry may take. An entry of more is
// split: an image that every release of a large cluster has would not fit anywhere.
const chunk = 100_000

// Part is what one of the objects of a list holds: its pins, its images and its
// report, each as text.
type Part struct {
	Lines, Images, Report string
}

// Spread renders a report for the objects that it is kept in: one if it fits, else a
// power of two, so that in growing entries move only up to new ones, and in shrinking
// only down from those that go. Nobody who does not know the salt can choose names that
// all come to one object. It takes the number of objects that there are, of which it
// takes less only if there is room to spare, and how many bytes each has room for. It also
// returns how many bytes the report takes in full at most, and fails if the list is too large even
// so.
func Spread(r *v1alpha1.PinReport, salt string, now int, room func(part int) int) (parts []Part, size int, err error) {
	whole, err := newSpreader(r)
	if err != nil {
		return nil, 0, err
	}
	size = whole.size()
	if whole.fits(1, now, room) {
		return whole.parts(1), size, nil
	}
	if parts, err = whole.scatter(salt, MostTold, now, room); parts != nil || err != nil {
		return parts, size, err
	}
	cut, err := newSpreader(withoutProse(r))
	if err != nil {
		return nil, 0, err
	}
	if parts, err = cut.scatter(salt, mostParts, now, room); parts != nil || err != nil {
		return parts, size, err
	}
	return nil, 0, fmt.Errorf("the list of %d pins does not fit into %d objects", len(r.Pins), mostParts)
}

// withoutProse leaves out of a report what only people read.
func withoutProse(r *v1alpha1.PinReport) *v1alpha1.PinReport {
	cut := *r
	cut.Pins, cut.Releases = slices.Clone(r.Pins), slices.Clone(r.Releases)
	for i := range cut.Pins {
		cut.Pins[i].Via = []string{}
	}
	for i := range cut.Releases {
		cut.Releases[i].Problems = []v1alpha1.Problem{}
	}
	cut.Problems = append(slices.Clone(r.Problems), v1alpha1.Problem{
		Reason: v1alpha1.ReasonReportCut, Message: "the list is so large that via and the releases' problems are left out",
	})
	return &cut
}

func hash(salt, name string, part int) uint32 {
	sum := sha256.Sum256([]byte(salt + " " + name + " " + strconv.Itoa(part)))
	return binary.BigEndian.Uint32(sum[:])
}

// splitPin splits an entry by its releases.
func splitPin(p *v1alpha1.Pin) []v1alpha1.Pin {
	needed := split(p.NeededBy, func(s string) int { return len(s) + 3 })
	held := split(p.HeldFor, func(h v1alpha1.Hold) int { return len(h.Release) + 60 })
	parts := make([]v1alpha1.Pin, max(len(needed), len(held), 1))
	for i := range parts {
		parts[i] = *p
		parts[i].NeededBy, parts[i].HeldFor = []string{}, nil
		if i < len(needed) {
			parts[i].NeededBy = needed[i]
		}
		if i < len(held) {
			parts[i].HeldFor = held[i]
		}
	}
	return parts
}

// splitRelease splits an entry by its pins.
func splitRelease(r *v1alpha1.Release) []v1alpha1.Release {
	pins := split(r.Pins, func(s string) int { return len(s) + 3 })
	parts := []v1alpha1.Release{*r}
	for i := range pins {
		if i > 0 {
			parts = append(parts, v1alpha1.Release{
				Namespace: r.Namespace, Name: r.Name, State: r.State, Policies: []string{}, Problems: []v1alpha1.Problem{},
			})
		}
		parts[i].Pins = pins[i]
	}
	return parts
}

// split cuts a list so that no part takes more than a chunk.
func split[T any](list []T, size func(T) int) [][]T {
	var parts [][]T
	left := 0
	for i := range list {
		left -= size(list[i])
		if left < 0 {
			parts = append(parts, nil)
			left = chunk
		}
		last := &parts[len(parts)-1]
		*last = append(*last, list[i])
	}
	return parts
}
