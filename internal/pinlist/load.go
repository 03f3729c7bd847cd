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
	var m pin.Memory
	shards, isWhole := whole(name, list)
	reportShards, isReportWhole := whole(ReportName(name), report)
	if len(shards) > 0 {
		m.Plan = shards[0].Annotations[v1alpha1.PlanAnnotation]
	}
	m.OwnersUnknown = !isWhole
	known := map[string]bool{}
	isEmbedded, plan := len(shards) > 0, ""
	for i := range list {
		isEmbedded = loadReport(&m, &list[i], known) != nil && isEmbedded
	}
	for i := range report {
		r := loadReport(&m, &report[i], known)
		if r != nil && len(reportShards) > 0 && report[i].Name == reportShards[0].Name && r.List != nil {
			plan = r.List.Plan
		}
	}
	belongs := isReportWhole && plan != "" && plan == m.Plan
	m.OwnersUnknown = m.OwnersUnknown || !isEmbedded && !belongs

	var images []string
	for i := range list {
		images = append(images, linesOf(list[i].Data[v1alpha1.ImagesKey])...)
	}
	index := newImageIndex(images)
	for i := range list {
		for _, line := range linesOf(list[i].Data[v1alpha1.PinsKey]) {
			if !known[line] && pin.Check(line) == nil {
				m.OwnersUnknown = true
				m.Pins = append(m.Pins, unexplained(line, index, v1alpha1.PinHeld)...)
			}
		}
	}
	m.Pins = pin.MergePins(m.Pins)
	return m
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

// loadReport adds what an object's report has to the memory, and the pins that it has to the
// known ones; nil, it has no report, or none that can be read in full.
func loadReport(m *pin.Memory, o *Object, known map[string]bool) *loadedReport {
	text, ok := o.Data[v1alpha1.ReportKey]
	if !ok {
		return nil
	}
	var r loadedReport
	err := json.Unmarshal([]byte(text), &r)
	m.HasPolicies = m.HasPolicies || hasPolicies(r.Releases)
	m.OwnersUnknown = m.OwnersUnknown || r.OwnersUnknown || r.Forgotten || err != nil
	for i := range r.Pins {
		p, ok := r.Pins[i].pin()
		if pin.Check(p.Pin) == nil && isImage(p.Image) {
			known[p.Pin] = true
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
