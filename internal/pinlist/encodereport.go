package pinlist

import (
	"fmt"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// EncodedReport is a report as objects.
type EncodedReport struct {
	Objects []Object
	// Size is how many bytes the report takes in full.
	Size int
}

// EncodeReport returns the objects of the report on a list of that name. It fails if the
// report is too large for all objects together.
func EncodeReport(list string, r *v1alpha1.PinReport, l *Layout) (*EncodedReport, error) {
	whole, err := newReportEncoder(r)
	if err != nil {
		return nil, err
	}
	first, sizes := whole.sizes()
	encoded := &EncodedReport{Size: first}
	for _, size := range sizes {
		encoded.Size += size
	}
	s, ok := single(l, first, sizes)
	if !ok {
		if s, err = whole.scatter(l, maxFullObjects); err != nil {
			return nil, err
		}
	}
	for _, smaller := range []struct {
		report func(*v1alpha1.PinReport) *v1alpha1.PinReport
		most   int
	}{{protectedOnly, maxFullObjects}, {truncated, maxObjects}} {
		if s != nil {
			break
		}
		if whole, err = newReportEncoder(smaller.report(r)); err != nil {
			return nil, err
		}
		if s, err = whole.scatter(l, smaller.most); err != nil {
			return nil, err
		}
	}
	if s == nil {
		return nil, fmt.Errorf("the report on %d pins does not fit into %d ConfigMaps", len(r.Pins), maxObjects)
	}
	encoded.Objects = whole.objects(ReportName(list), s)
	return encoded, nil
}

// protectedOnly leaves out of a report the releases that are not protected: their names must not take the
// room of other releases' problems.
func protectedOnly(r *v1alpha1.PinReport) *v1alpha1.PinReport {
	cut := *r
	cut.Unprotected = nil
	return &cut
}

// truncated leaves out of a report what no plan depends on.
func truncated(r *v1alpha1.PinReport) *v1alpha1.PinReport {
	cut := *protectedOnly(r)
	cut.Pins, cut.Releases = slices.Clone(r.Pins), slices.Clone(r.Releases)
	for i := range cut.Pins {
		cut.Pins[i].Via = []string{}
	}
	for i := range cut.Releases {
		cut.Releases[i].Problems = []v1alpha1.Problem{}
		if chart := cut.Releases[i].Chart; chart != nil { // that it was rendered is still known
			cut.Releases[i].Chart = &v1alpha1.ReleaseChart{Source: chart.Source, Revision: chart.Revision}
		}
	}
	cut.Problems = append(slices.Clone(r.Problems), v1alpha1.Problem{
		Reason: v1alpha1.ReasonReportTruncated, Message: "the report is so large that via, the releases' problems, what their charts name and the unprotected releases are left out",
	})
	return &cut
}

// IsTruncated reports whether a report lacks what no plan depends on, because it was too large.
func IsTruncated(r *v1alpha1.PinReport) bool {
	return slices.ContainsFunc(r.Problems, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonReportTruncated })
}

// reportEncoder encodes the entries of a report, each once, however many objects are tried.
type reportEncoder struct {
	report *v1alpha1.PinReport
	// frame is the report without its entries, as the first object has it, and further as
	// the others have it. problems are those that the report lists itself: the first
	// object has them.
	frame, further string
	problems       []string
	// entries are in the order of their lists, and hashes are where they go.
	entries []reportEntry
	hashes  []uint32
}

// reportEntry is an entry of a report, or a part of one, as JSON: the index-th of one of its lists,
// and the name that decides where it goes.
type reportEntry struct {
	list       reportList
	index      int
	name, json string
}

// reportList is a list of entries of a report.
type reportList int

// The lists are in the order in which PinReport has them.
const (
	ofPin reportList = iota
	ofRelease
	ofUnprotected
	entryLists
)

func newReportEncoder(r *v1alpha1.PinReport) (*reportEncoder, error) {
	e, encoder := &reportEncoder{report: r}, newEncoder()
	empty := *r
	empty.Pins, empty.Releases, empty.Problems = []v1alpha1.Pin{}, []v1alpha1.Release{}, []v1alpha1.Problem{}
	empty.Unprotected = []v1alpha1.UnprotectedReleases{}
	e.frame = encoder.encode(&empty)
	empty.List = nil // else it would change, and with it every object, at each write
	empty.Configuration = nil
	e.further = encoder.encode(&empty)
	for i := range r.Problems {
		e.problems = append(e.problems, encoder.encode(&r.Problems[i]))
	}
	e.entries = make([]reportEntry, 0, len(r.Pins)+len(r.Releases)+len(r.Unprotected))
	for i := range r.Pins {
		e.entries = append(e.entries, reportEntry{ofPin, i, r.Pins[i].Pin, encoder.encode(&r.Pins[i])})
	}
	for i := range r.Releases {
		e.entries = append(e.entries, reportEntry{ofRelease, i, releaseKey(&r.Releases[i]), encoder.encode(&r.Releases[i])})
	}
	for i := range r.Unprotected {
		e.entries = append(e.entries, reportEntry{ofUnprotected, i, r.Unprotected[i].Namespace, encoder.encode(&r.Unprotected[i])})
	}
	return e, encoder.err
}

func releaseKey(r *v1alpha1.Release) string {
	return r.Kind + "/" + r.Namespace + "/" + r.Name
}

// sizes returns the bytes of what the first object has besides entries, and of each entry.
func (e *reportEncoder) sizes() (first int, sizes []int) {
	first = len(e.frame)
	for _, problem := range e.problems {
		first += len(problem) + len(separator)
	}
	sizes = make([]int, len(e.entries))
	for i := range e.entries {
		sizes[i] = len(e.entries[i].json) + len(separator)
	}
	return first, sizes
}

// scatter returns the spread of the report over several objects; nil, the most do not
// suffice.
func (e *reportEncoder) scatter(l *Layout, most int) (*spread, error) {
	if err := e.split(l.Salt); err != nil {
		return nil, err
	}
	first, sizes := e.sizes()
	withFrame := *l
	withFrame.Room = func(shard int) int { return l.Room(shard) - min(shard, 1)*len(e.further) }
	return several(&withFrame, first, sizes, e.hashes, most), nil
}

// split splits the entries that are larger than a chunk, and decides where each goes.
func (e *reportEncoder) split(salt string) error {
	encoder := newEncoder()
	var entries []reportEntry
	for _, entry := range e.entries {
		parts := []string{entry.json}
		if len(entry.json) > chunk {
			parts = e.splitEntry(encoder, &entry)
		}
		for n, part := range parts {
			entries = append(entries, reportEntry{entry.list, entry.index, entry.name, part})
			e.hashes = append(e.hashes, hash(salt, entry.name, n))
		}
	}
	e.entries = entries
	return encoder.err
}

// splitEntry splits an entry.
func (e *reportEncoder) splitEntry(encoder *encoder, entry *reportEntry) []string {
	switch entry.list {
	case ofPin:
		return encodeAll(encoder, splitPin(&e.report.Pins[entry.index]))
	case ofRelease:
		return encodeAll(encoder, splitRelease(&e.report.Releases[entry.index]))
	default:
		return encodeAll(encoder, splitUnprotected(&e.report.Unprotected[entry.index]))
	}
}

func encodeAll[T any](e *encoder, values []T) []string {
	encoded := make([]string, len(values))
	for i := range values {
		encoded[i] = e.encode(&values[i])
	}
	return encoded
}

// splitPin splits an entry by its owners.
func splitPin(p *v1alpha1.Pin) []v1alpha1.Pin {
	needed := split(p.NeededBy, jsonSize)
	held := split(p.HeldFor, func(h *v1alpha1.Hold) int { return len(h.Owner) + 60 })
	parts := make([]v1alpha1.Pin, max(len(needed), len(held), 1))
	for i := range parts {
		parts[i] = *p
		parts[i].NeededBy, parts[i].HeldFor = append([]string{}, nth(needed, i)...), nth(held, i)
	}
	return parts
}

// nth returns the i-th part of a list; nil, it has fewer.
func nth[T any](parts [][]T, i int) []T {
	if i < len(parts) {
		return parts[i]
	}
	return nil
}

// splitUnprotected splits an entry by its releases.
func splitUnprotected(u *v1alpha1.UnprotectedReleases) []v1alpha1.UnprotectedReleases {
	live, disabled := split(u.Live, jsonSize), split(u.Disabled, jsonSize)
	parts := make([]v1alpha1.UnprotectedReleases, max(len(live), len(disabled)))
	for i := range parts {
		parts[i] = v1alpha1.UnprotectedReleases{Namespace: u.Namespace, Live: nth(live, i), Disabled: nth(disabled, i)}
	}
	return parts
}

// jsonSize returns how many bytes a name takes in a list.
func jsonSize(name *string) int { return len(*name) + 3 }

// splitRelease splits an entry by its pins. The first part has all else.
func splitRelease(r *v1alpha1.Release) []v1alpha1.Release {
	pins, ran, live := split(r.Pins, jsonSize), split(r.Ran, jsonSize), split(r.Live, jsonSize)
	parts := make([]v1alpha1.Release, max(len(pins), len(ran), len(live), 1))
	for i := range parts {
		p := &parts[i]
		*p = v1alpha1.Release{
			Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, State: r.State,
			Policies: []string{}, Pins: append([]string{}, nth(pins, i)...), Problems: []v1alpha1.Problem{}, Live: nth(live, i),
		}
		if i == 0 {
			p.Policies, p.Problems, p.Chart = r.Policies, r.Problems, r.Chart
		}
		if r.Ran != nil {
			p.Ran = append([]string{}, nth(ran, i)...)
		}
	}
	return parts
}

// separator stands between two entries of a report: each has a line. More lines for each
// would take a good deal more room. Before the first and after the last there is as much.
const separator = ",\n"

// objects returns the report as objects.
func (e *reportEncoder) objects(name string, s *spread) []Object {
	lists := make([][entryLists + 1][]string, s.objects)
	lists[0][entryLists] = e.problems
	for i := range e.entries {
		at := &lists[s.of(i)][e.entries[i].list]
		*at = append(*at, e.entries[i].json)
	}
	objects := make([]Object, s.objects)
	for shard := range objects {
		frame := e.frame
		if shard > 0 {
			frame = e.further
		}
		objects[shard] = Object{
			Annotations: map[string]string{},
			Data:        map[string]string{v1alpha1.ReportKey: fill(frame, lists[shard][:]...)},
		}
	}
	makePart(name, objects)
	return objects
}

// fill puts entries into the empty lists of a frame: in the order in which PinReport has
// them, and nothing else in it is an empty list.
func fill(frame string, lists ...[]string) string {
	var pieces []string
	for _, entries := range lists {
		before, after, _ := strings.Cut(frame, "[]")
		list := "[]"
		if len(entries) > 0 {
			list = "[\n" + strings.Join(entries, separator) + "\n]"
		}
		pieces = append(pieces, before, list)
		frame = after
	}
	return strings.Join(append(pieces, frame), "")
}
