package pin

import (
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// spreader spreads the entries of one report. Each is encoded once, however many objects are
// tried: for a large list, encoding is most of what a plan costs.
type spreader struct {
	report *v1alpha1.PinReport
	// frame is the report without its entries, and problems are those that it lists itself:
	// the first object has them.
	frame          string
	problems       []string
	pins, releases []entry
}

// entry is one entry of a report, or a part of it, as JSON.
type entry struct {
	// name and hash say where it belongs.
	name string
	hash uint32
	json string
	// line and image are those of a pin in the other texts.
	line, image string
}

func newSpreader(r *v1alpha1.PinReport) (*spreader, error) {
	e := newEncoder()
	s := &spreader{
		report:   r,
		problems: make([]string, len(r.Problems)), pins: make([]entry, len(r.Pins)), releases: make([]entry, len(r.Releases)),
	}
	empty := *r
	empty.Pins, empty.Releases, empty.Problems = []v1alpha1.Pin{}, []v1alpha1.Release{}, []v1alpha1.Problem{}
	s.frame = e.encode(empty)
	for i := range r.Problems {
		s.problems[i] = e.encode(&r.Problems[i])
	}
	for i := range r.Pins {
		s.pins[i] = e.pin(&r.Pins[i])
	}
	for i := range r.Releases {
		s.releases[i] = e.release(&r.Releases[i])
	}
	return s, e.err
}

// scatter renders the report for two objects or more, as many as are needed; nil where the
// most would not be enough.
func (s *spreader) scatter(salt string, most, now int, room func(int) int) ([]Part, error) {
	if err := s.split(salt); err != nil {
		return nil, err
	}
	for n := 2; n <= most; n *= 2 {
		if s.fits(n, now, room) {
			return s.parts(n), nil
		}
	}
	return nil, nil
}

// split splits the entries that are large, and says where each belongs.
func (s *spreader) split(salt string) error {
	e := newEncoder()
	s.pins = place(s.pins, salt, func(i int) (parts []entry) {
		for _, part := range splitPin(&s.report.Pins[i]) {
			parts = append(parts, e.pin(&part))
		}
		return parts
	})
	s.releases = place(s.releases, salt, func(i int) (parts []entry) {
		for _, part := range splitRelease(&s.report.Releases[i]) {
			parts = append(parts, e.release(&part))
		}
		return parts
	})
	return e.err
}

// place puts the parts of large entries in their place, and says where each entry belongs.
func place(entries []entry, salt string, split func(i int) []entry) []entry {
	placed := make([]entry, 0, len(entries))
	for i, whole := range entries {
		first := len(placed)
		if len(whole.json) > chunk {
			placed = append(placed, split(i)...)
		} else {
			placed = append(placed, whole)
		}
		for n := range placed[first:] {
			placed[first+n].hash = hash(salt, whole.name, n)
		}
	}
	return placed
}

// fits says whether the entries fit into n parts; with room to spare, if that is less
// than there are now.
func (s *spreader) fits(n, now int, room func(int) int) bool {
	for i, size := range s.sizes(n) {
		most := room(i)
		if n < now {
			most = most * 3 / 4
		}
		if size > most {
			return false
		}
	}
	return true
}

// size is how many bytes the whole report takes at most.
func (s *spreader) size() int {
	return s.sizes(1)[0]
}

// sizes are how many bytes each of n parts takes, or a few more: lines that are the same
// are there once.
func (s *spreader) sizes(n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = len(s.frame)
	}
	for _, problem := range s.problems {
		sizes[0] += len(problem) + len(separator)
	}
	for _, list := range [][]entry{s.pins, s.releases} {
		for i := range list {
			e := &list[i]
			size := len(e.json) + len(separator)
			for _, line := range []string{e.line, e.image} {
				size += len(line) + min(len(line), 1)
			}
			sizes[e.hash%uint32(n)] += size
		}
	}
	return sizes
}

// separator stands between two entries of a report: each has a line. More lines for each
// would take a good deal more room. Before the first and behind the last there is as much.
const separator = ",\n"

// parts renders n parts.
func (s *spreader) parts(n int) []Part {
	all := make([]struct{ pins, releases, problems, lines, images []string }, n)
	all[0].problems = s.problems
	for i := range s.pins {
		e := &s.pins[i]
		part := &all[e.hash%uint32(n)]
		part.pins = append(part.pins, e.json)
		part.lines, part.images = append(part.lines, e.line), append(part.images, e.image)
	}
	for i := range s.releases {
		part := &all[s.releases[i].hash%uint32(n)]
		part.releases = append(part.releases, s.releases[i].json)
	}
	parts := make([]Part, n)
	for i := range all {
		parts[i] = Part{
			Lines: text(all[i].lines), Images: text(all[i].images),
			Report: s.fill(all[i].pins, all[i].releases, all[i].problems),
		}
	}
	return parts
}

// fill puts entries into the empty lists of the frame: in the order in which PinReport has
// them, and nothing else in it is an empty list.
func (s *spreader) fill(lists ...[]string) string {
	var pieces []string
	rest := s.frame
	for _, entries := range lists {
		before, after, _ := strings.Cut(rest, "[]")
		list := "[]"
		if len(entries) > 0 {
			list = "[\n" + strings.Join(entries, separator) + "\n]"
		}
		pieces = append(pieces, before, list)
		rest = after
	}
	return strings.Join(append(pieces, rest), "")
}

func (e *encoder) pin(p *v1alpha1.Pin) entry {
	return entry{name: p.Pin, json: e.encode(p), line: p.Pin, image: p.Image}
}

func (e *encoder) release(r *v1alpha1.Release) entry {
	return entry{name: r.Namespace + "/" + r.Name, json: e.encode(r)}
}
