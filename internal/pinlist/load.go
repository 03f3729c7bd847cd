package pinlist

import (
	"encoding/json"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Load returns what a list of that name and its report said, from their objects in any order.
// What is not a pin is left out. A pin that no report has was needed by an unknown release;
// its images are those of the list that it can stand for.
func Load(name string, list, report []Object) pin.Memory {
	l := &loader{known: map[string]bool{}}
	shards, isWhole := whole(name, list)
	if len(shards) > 0 {
		l.memory.Plan = shards[0].Annotations[v1alpha1.PlanAnnotation]
	}
	hasReports := len(shards) > 0
	for i := range list {
		hasReports = l.addReport(&list[i]) != nil && hasReports
	}
	belongs := l.addReports(ReportName(name), report, allLines(list))
	l.memory.OwnersUnknown = l.memory.OwnersUnknown || !isWhole || !hasReports && !belongs
	l.addLines(list)
	l.memory.Pins = pin.MergePins(l.memory.Pins)
	return l.memory
}

// loader collects what is loaded.
type loader struct {
	memory pin.Memory
	// known are the pins and the images that a report has.
	known map[string]bool
}

// allLines returns the pins of a list, as a reference to it has their checksum.
func allLines(list []Object) string {
	var lines []string
	for i := range list {
		lines = append(lines, linesOf(list[i].Data[v1alpha1.PinsKey])...)
	}
	return text(lines)
}

// addReports adds the objects of the report on the list, and reports whether they are whole, and
// of the list's plan and pins.
func (l *loader) addReports(name string, report []Object, lines string) (belongs bool) {
	shards, isWhole := whole(name, report)
	for i := range report {
		r := l.addReport(&report[i])
		isFirst := len(shards) > 0 && report[i].Name == shards[0].Name
		if isFirst && r != nil && r.List != nil && r.List.Plan != "" {
			belongs = isWhole && *r.List == (v1alpha1.ListReference{Checksum: checksum(lines), Plan: l.memory.Plan})
		}
	}
	return belongs
}

// addLines adds the pins of the list that no report has.
func (l *loader) addLines(list []Object) {
	var images []string
	for i := range list {
		images = append(images, linesOf(list[i].Data[v1alpha1.ImagesKey])...)
	}
	index := newImageIndex(images)
	for i := range list {
		for _, line := range linesOf(list[i].Data[v1alpha1.PinsKey]) {
			if pin.Check(line) != nil {
				continue
			}
			if missing := unexplained(line, index, l.known, v1alpha1.PinHeld); len(missing) > 0 {
				l.memory.OwnersUnknown = true
				l.memory.Pins = append(l.memory.Pins, missing...)
			}
		}
	}
}

// loadedReport is a report as far as it is memory, in the form of now or of earlier versions.
// What the decoder cannot take it leaves out, and goes on: only the pins must be of the right
// form.
type loadedReport struct {
	List          *v1alpha1.ListReference `json:"list"`
	OwnersUnknown bool                    `json:"ownersUnknown"`
	Forgotten     bool                    `json:"forgotten"`
	Pins          []readPin               `json:"pins"`
	Releases      json.RawMessage         `json:"releases"`
}

// addReport adds what an object's report has; nil, it has no report, or none that can be read in
// full.
func (l *loader) addReport(o *Object) *loadedReport {
	text, ok := o.Data[v1alpha1.ReportKey]
	if !ok {
		return nil
	}
	var r loadedReport
	err := json.Unmarshal([]byte(text), &r)
	m := &l.memory
	m.HasPolicies = m.HasPolicies || hasPolicies(r.Releases)
	m.OwnersUnknown = m.OwnersUnknown || r.OwnersUnknown || r.Forgotten || err != nil
	for i := range r.Pins {
		p, ok := r.Pins[i].pin()
		if pin.Check(p.Pin) == nil && isImage(p.Image) {
			l.known[p.Pin], l.known[p.Image] = true, true
			m.OwnersUnknown = m.OwnersUnknown || !ok
			m.Pins = append(m.Pins, p)
		}
	}
	if err != nil {
		return nil
	}
	return &r
}

// linkedRelease is a release as far as it shows that policies were linked.
type linkedRelease struct {
	Policies []string `json:"policies"`
}

func hasPolicies(releases json.RawMessage) bool {
	var entries []linkedRelease
	// Of a release of another form, what can be read counts.
	_ = json.Unmarshal(releases, &entries)
	return slices.ContainsFunc(entries, func(r linkedRelease) bool { return len(r.Policies) > 0 })
}
