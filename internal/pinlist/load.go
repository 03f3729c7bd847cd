package pinlist

import (
	"cmp"
	"encoding/json"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Load returns what a list of that name and its report said, from their objects in any order.
// What is not a pin is left out. A pin that no report has was needed by an unknown release;
// its images are those of the list that it can stand for.
func Load(name string, list, report []Object) pin.Memory {
	if len(list)+len(report) == 0 {
		return pin.Memory{} // nothing was ever listed
	}
	l := &loader{known: map[string]bool{}, releases: map[string]*v1alpha1.Release{}}
	shards, isWhole := whole(name, list)
	if len(shards) > 0 {
		l.memory.Plan = shards[0].Annotations[v1alpha1.PlanAnnotation]
	}
	hasReports := len(shards) > 0
	for i := range list {
		hasReports = l.addReport(&list[i]) != nil && hasReports
	}
	belongs := l.addReports(ReportName(name), report, allLines(list))
	l.isBroken = l.isBroken || !isWhole || !hasReports && !belongs
	l.addLines(list)
	l.memory.Pins = pin.CutBack(pin.MergePins(l.memory.Pins))
	if l.isBroken {
		l.memory.OwnersUnknown = true
	} else {
		l.memory.Releases = l.sortedReleases()
	}
	return l.memory
}

// loader collects what is loaded.
type loader struct {
	memory pin.Memory
	// known are the pins and the images that a report has.
	known map[string]bool
	// isBroken is set if there is no report on the list, or not on all of it.
	isBroken bool
	// releases are the entries of reports, by their keys.
	releases map[string]*v1alpha1.Release
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
	ofList := map[string]v1alpha1.Release{}
	for key, r := range l.releases {
		ofList[key] = *r
	}
	for i := range report {
		r := l.addReport(&report[i])
		isFirst := len(shards) > 0 && report[i].Name == shards[0].Name
		if isFirst && r != nil && r.List != nil && r.List.Plan != "" {
			belongs = isWhole && *r.List == (v1alpha1.ListReference{Checksum: checksum(lines), Plan: l.memory.Plan})
		}
	}
	if !belongs { // a version that has its report in the list may have written that since
		for key, r := range l.releases {
			if of, ok := ofList[key]; ok {
				*r = of
			} else {
				r.Ran, r.Live = nil, nil
			}
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
				l.isBroken = true
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
	l.addReleases(r.Releases)
	m.OwnersUnknown = m.OwnersUnknown || r.OwnersUnknown || r.Forgotten
	l.isBroken = l.isBroken || err != nil
	for i := range r.Pins {
		p, ok := r.Pins[i].pin()
		if pin.Check(p.Pin) == nil && isImage(p.Image) {
			l.known[p.Pin], l.known[p.Image] = true, true
			l.isBroken = l.isBroken || !ok
			m.Pins = append(m.Pins, p)
			m.HasPolicies = m.HasPolicies || pin.IsNamedByPolicy(&p)
		}
	}
	if err != nil {
		return nil
	}
	return &r
}

// addReleases adds what a report has of releases. Of an entry of another form, what can be read
// counts.
func (l *loader) addReleases(text json.RawMessage) {
	var entries []v1alpha1.Release
	_ = json.Unmarshal(text, &entries)
	for i := range entries {
		r := &entries[i]
		l.memory.HasPolicies = l.memory.HasPolicies || len(r.Policies) > 0
		r.Kind = cmp.Or(r.Kind, object.HelmRelease)
		// A plan needs no more of an entry.
		kept := v1alpha1.Release{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, State: r.State, Ran: r.Ran, Live: r.Live, Chart: r.Chart}
		slices.Sort(kept.Ran)
		if known, ok := l.releases[releaseKey(r)]; ok {
			isKnown := known.Ran != nil && kept.Ran != nil && known.State == kept.State
			if joinRelease(known, &kept); !isKnown { // one of them is of another version
				known.Ran = nil
			}
			continue
		}
		l.releases[releaseKey(r)] = &kept
	}
}

// sortedReleases returns what was added.
func (l *loader) sortedReleases() []v1alpha1.Release {
	releases := make([]v1alpha1.Release, 0, len(l.releases))
	for _, r := range l.releases {
		releases = append(releases, *r)
	}
	slices.SortFunc(releases, func(a, b v1alpha1.Release) int { return pin.CompareReleases(&a, &b) })
	return releases
}
