package pin

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
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
// returns how many bytes the report takes in full, and fails if the list is too large even
// so.
func Spread(r *v1alpha1.PinReport, salt string, now int, room func(part int) int) (parts []Part, size int, err error) {
	whole, err := partOf(r, JSON)
	if err != nil {
		return nil, 0, err
	}
	size = whole.size()
	if now <= 1 && size <= room(0) || size <= room(0)*3/4 {
		return []Part{whole}, size, nil
	}
	parts, err = spread(r, salt, now, room)
	return parts, size, err
}

// spread renders a report for several objects.
func spread(r *v1alpha1.PinReport, salt string, now int, room func(part int) int) ([]Part, error) {
	for _, try := range []struct {
		report *v1alpha1.PinReport
		most   int
	}{{r, MostTold}, {withoutProse(r), mostParts}} {
		s, err := newSpreader(try.report, salt)
		if err != nil {
			return nil, err
		}
		for n := 2; n <= try.most; n *= 2 {
			if s.fits(n, now, room) {
				return s.parts(n)
			}
		}
	}
	return nil, fmt.Errorf("the list of %d pins does not fit into %d objects", len(r.Pins), mostParts)
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

// spreader spreads the entries of one report.
type spreader struct {
	report   *v1alpha1.PinReport
	pins     []entry[v1alpha1.Pin]
	releases []entry[v1alpha1.Release]
}

// entry is one entry of a report, or a part of it.
type entry[T any] struct {
	value T
	hash  uint32
	size  int
}

func newSpreader(r *v1alpha1.PinReport, salt string) (*spreader, error) {
	s := &spreader{report: r}
	for i := range r.Pins {
		for n, part := range splitPin(&r.Pins[i]) {
			size, err := sizeOf(part)
			if err != nil {
				return nil, err
			}
			size += len(part.Pin) + len(part.Image) + 2
			s.pins = append(s.pins, entry[v1alpha1.Pin]{part, hash(salt, part.Pin, n), size})
		}
	}
	for i := range r.Releases {
		for n, part := range splitRelease(&r.Releases[i]) {
			size, err := sizeOf(part)
			if err != nil {
				return nil, err
			}
			s.releases = append(s.releases, entry[v1alpha1.Release]{part, hash(salt, part.Namespace+"/"+part.Name, n), size})
		}
	}
	return s, nil
}

func sizeOf(value any) (int, error) {
	text, err := json.Marshal(value)
	return len(text) + 1, err
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

// fits says whether the entries fit into n parts; with room to spare, if that is less
// than there are now.
func (s *spreader) fits(n, now int, room func(int) int) bool {
	sizes := make([]int, n)
	for i := range s.pins {
		sizes[s.pins[i].hash%uint32(n)] += s.pins[i].size
	}
	for i := range s.releases {
		sizes[s.releases[i].hash%uint32(n)] += s.releases[i].size
	}
	problems, err := sizeOf(s.report.Problems)
	sizes[0] += problems
	for i, size := range sizes {
		most := room(i)
		if n < now {
			most = most * 3 / 4
		}
		if size+frame > most {
			return false
		}
	}
	return err == nil
}

// frame is more than what a report takes without any entries.
const frame = 1000

func (s *spreader) parts(n int) ([]Part, error) {
	reports := make([]v1alpha1.PinReport, n)
	for i := range reports {
		reports[i] = *s.report
		reports[i].Pins, reports[i].Releases = []v1alpha1.Pin{}, []v1alpha1.Release{}
		if i > 0 {
			reports[i].Problems = []v1alpha1.Problem{}
		}
	}
	for i := range s.pins {
		r := &reports[s.pins[i].hash%uint32(n)]
		r.Pins = append(r.Pins, s.pins[i].value)
	}
	for i := range s.releases {
		r := &reports[s.releases[i].hash%uint32(n)]
		r.Releases = append(r.Releases, s.releases[i].value)
	}
	parts := make([]Part, n)
	for i := range reports {
		var err error
		if parts[i], err = partOf(&reports[i], compactJSON); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func partOf(r *v1alpha1.PinReport, render func(*v1alpha1.PinReport) (string, error)) (Part, error) {
	report, err := render(r)
	return Part{Lines: Lines(r), Images: Images(r), Report: report}, err
}

func (p *Part) size() int {
	return len(p.Lines) + len(p.Images) + len(p.Report)
}
