package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/inspect"
	"git.oleks.space/oleks/pinsync/internal/configuration"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// explanation has all that is known about a release.
type explanation struct {
	*pin.Inspection
	// list is the published list; nil if it could not be read. doubt is why it must not be
	// relied on.
	list  *pinlist.Published
	doubt error
	// reportErr is why the report on the list could not be read.
	reportErr error
	// unread is what could not be read and may have to be known, and replaced what could not be read
	// either, but is known from the report.
	unread, replaced []string
	// policyNames are the linked policies.
	policyNames []string
	// checked are the images that registries were asked for; nil, none was.
	checked []v1alpha1.CheckedImage
}

// inspect finds the pins of a release. If the user may not read all that they depend on, they are
// what a report that is current has.
func (e *explanation) inspect(inspected *inspect.Inspected, config configuration.Configuration, release object.ID) {
	s := inspected.Snapshot
	if e.list != nil && e.list.Report != nil {
		s.Memory = pin.MemoryOf(e.list.Report)
		addChart(s, release)
	}
	entry := entryOf(e.list, release)
	e.Inspection = pin.Inspect(s, config.Pins, release)
	for _, policy := range e.Policies {
		e.policyNames = append(e.policyNames, policy.String())
	}
	var errs []string
	for _, err := range inspected.Unread {
		errs = append(errs, describe(err))
	}
	if len(errs) == 0 || entry == nil || entry.State == v1alpha1.ReleaseResuming || !e.isReportCurrent() {
		e.unread = append(e.unread, errs...)
	} else {
		e.replaced = errs
		e.Protected, e.Problems, e.policyNames = true, slices.Clone(entry.Problems), entry.Policies
		e.Pins = e.described(func(p *v1alpha1.Pin) bool { return slices.Contains(p.NeededBy, release.String()) })
	}
	e.addChartProblems(entry, inspected.ChartKinds)
}

// described returns the pins that the list has, as the report on it describes them, of which matches is true.
func (e *explanation) described(matches func(*v1alpha1.Pin) bool) []v1alpha1.Pin {
	return slices.DeleteFunc(e.list.Described(), func(p v1alpha1.Pin) bool { return !matches(&p) })
}

// isReportCurrent reports whether the report has all that is to be known of the releases now.
func (e *explanation) isReportCurrent() bool {
	return e.doubt == nil && reportDoubt(e.list, e.reportErr) == "" && !pinlist.IsTruncated(e.list.Report)
}

// reportDoubt returns what the report on a list may lack; empty, nothing.
func reportDoubt(l *pinlist.Published, err error) string {
	switch {
	case err != nil:
		return "why pins are listed is unknown: " + describe(err)
	case l.Report == nil:
		return "why pins are listed is unknown: there is no report"
	case l.HasEarlierReport():
		return "the list is newer than the report, which may lack the last changes; pinsync writes it some seconds after the list"
	default:
		return ""
	}
}

// stateOf returns the state of a list; doubt is why it must not be relied on.
func stateOf(l *pinlist.Published, doubt, reportErr error) v1alpha1.ListState {
	state := v1alpha1.ListState{ReportDoubt: reportDoubt(l, reportErr)}
	if doubt != nil {
		state.Doubt = describe(doubt)
	}
	state.Cluster, state.Namespace, state.Name, state.Pins = l.Cluster, l.Namespace, l.Name, len(l.Pins)
	state.SyncedAt = l.SyncedAt.UTC().Format(time.RFC3339)
	state.Age, state.AgeByHost = ageOf(l).String(), l.Read.ByHost
	return state
}

// ageOf returns how long ago a list was known to be current.
func ageOf(l *pinlist.Published) time.Duration {
	return max(l.Read.At.Sub(l.SyncedAt).Round(time.Second), 0)
}

// document returns what is printed.
func (e *explanation) document() *v1alpha1.ReleaseExplanation {
	d := &v1alpha1.ReleaseExplanation{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ReleaseExplanationKind,
		Namespace: e.Release.Namespace, Name: e.Release.Name.Name,
		Suspended: e.Release.Suspended, Protected: e.Protected, Summary: e.summary(),
		Images: []v1alpha1.FoundImage{}, Policies: []v1alpha1.LinkedPolicy{}, Pins: e.pins(), Problems: []v1alpha1.Problem{},
		Unread: slices.Concat(e.unread, e.replaced), Resume: e.resume(), Checked: e.checked,
	}
	if e.list != nil {
		d.List = stateOf(e.list, e.doubt, e.reportErr)
	} else {
		d.List.Doubt = describe(e.doubt)
	}
	for i := range e.Findings {
		d.Images = append(d.Images, foundImage(&e.Findings[i]))
	}
	for _, name := range e.policyNames {
		d.Policies = append(d.Policies, v1alpha1.LinkedPolicy{Name: name, Latest: e.latestOf(name)})
	}
	for i := range e.Problems {
		if p := &e.Problems[i]; !slices.Contains(d.Resume.Reasons, namedReasonOf(p)) {
			d.Problems = append(d.Problems, *p)
		}
	}
	return d
}

func foundImage(f *pin.Finding) v1alpha1.FoundImage {
	found := v1alpha1.FoundImage{Path: f.Path, Image: f.Image, LinkedBy: string(f.Rule)}
	for _, policy := range f.Policies {
		found.Policies = append(found.Policies, policy.String())
	}
	return found
}

// latestOf returns what a linked policy has resolved to, as far as it was read.
func (e *explanation) latestOf(policy string) string {
	for _, p := range e.Policies {
		if p.String() == policy && p.Latest != nil {
			return p.Latest.String()
		}
	}
	return ""
}

func (e *explanation) isListed(pin string) bool {
	_, ok := slices.BinarySearch(e.list.Pins, pin)
	return ok
}

// pins returns the release's pins in the list, and those that it needs and are not listed.
func (e *explanation) pins() []v1alpha1.ReleasePin {
	pins := []v1alpha1.ReleasePin{}
	listed, ofOthers := map[string]bool{}, map[string]*v1alpha1.Pin{}
	if e.list != nil {
		described := e.list.Described()
		for i := range described {
			entry := &described[i]
			switch {
			case e.isFor(entry):
				listed[entry.Pin] = true
				pins = append(pins, v1alpha1.ReleasePin{Pin: entry.Pin, Listed: new(true), Entry: entry})
			case len(entry.NeededBy)+len(entry.HeldFor) > 0:
				ofOthers[entry.Pin] = entry
			}
		}
	}
	for i := range e.Pins {
		if line := e.Pins[i].Pin; !listed[line] {
			listed[line] = true
			p := v1alpha1.ReleasePin{Pin: line, Entry: ofOthers[line]}
			if e.list != nil {
				p.Listed = new(e.isListed(line))
			}
			pins = append(pins, p)
		}
	}
	return pins
}

// isFor reports whether a pin is needed by the release, or held for it.
func (e *explanation) isFor(entry *v1alpha1.Pin) bool {
	name := e.Release.String()
	return slices.Contains(entry.NeededBy, name) ||
		slices.ContainsFunc(entry.HeldFor, func(h v1alpha1.Hold) bool { return h.Owner == name })
}

// resume returns whether a resume would work now.
func (e *explanation) resume() v1alpha1.ResumeAnswer {
	obstacles, gaps := e.obstacles(), e.gaps()
	if e.checked == nil && len(obstacles) == 0 {
		gaps = append(gaps, "the registries were not asked whether they have the tags: add --check")
	}
	answer := v1alpha1.ResumeAnswer{Verdict: v1alpha1.ResumeWorks, Reasons: append(append([]string{}, obstacles...), gaps...)}
	switch {
	case len(obstacles) > 0:
		answer.Verdict = v1alpha1.ResumeBlocked
	case len(gaps) > 0:
		answer.Verdict = v1alpha1.ResumeUnknown
	}
	return answer
}

// blocks reports whether a problem blocks a resume: Flux cannot resolve a tag.
func blocks(p *v1alpha1.Problem) bool {
	return p.Reason == v1alpha1.ReasonPolicyNotReady || p.Reason == v1alpha1.ReasonPolicyUnresolved || p.Reason == v1alpha1.ReasonPolicyNeverResolved
}

// reasonOf returns a problem as a reason.
func reasonOf(p *v1alpha1.Problem) string {
	place := strings.TrimSpace(p.Object + " " + p.Field)
	if place == "" {
		return p.Message
	}
	return place + ": " + p.Message
}

// namedReasonOf returns a problem as a reason, with its name, which the documentation explains.
func namedReasonOf(p *v1alpha1.Problem) string {
	return fmt.Sprintf("%s (%s)", reasonOf(p), p.Reason)
}

// obstacles returns what blocks a resume now.
func (e *explanation) obstacles() []string {
	var obstacles []string
	for i := range e.Problems {
		if p := &e.Problems[i]; blocks(p) {
			obstacles = append(obstacles, namedReasonOf(p))
		}
	}
	for _, checked := range e.checked {
		if isMissing(checked.Status) {
			obstacles = append(obstacles, fmt.Sprintf("%s is %s", checked.Image, checked.Status))
		}
	}
	return obstacles
}

// gaps returns why it is unknown whether a resume would work now.
func (e *explanation) gaps() []string {
	var gaps []string
	if e.doubt != nil {
		gaps = append(gaps, describe(e.doubt))
	}
	gaps = slices.Concat(gaps, e.unread, e.tagGaps())
	if e.Release.Suspended && !e.Protected {
		gaps = append(gaps, "the release is not protected: a tag may be deleted once the list does not have it")
	}
	return append(gaps, e.answerGaps()...)
}

// tagGaps returns which tags may be needed and are not known, or are not in the list.
func (e *explanation) tagGaps() []string {
	var gaps []string
	hasNoPin := false
	for i := range e.Problems {
		if p := &e.Problems[i]; pin.MayMissTag(*p) && !blocks(p) {
			hasNoPin = hasNoPin || p.Reason == v1alpha1.ReasonNoPin
			gaps = append(gaps, namedReasonOf(p))
		}
	}
	if len(e.Pins) == 0 && !hasNoPin {
		gaps = append(gaps, "no tag was found that could be checked")
	}
	for i := range e.Pins {
		if line := e.Pins[i].Pin; e.Protected && e.list != nil && !e.isListed(line) {
			gaps = append(gaps, line+" is not in the list: a cleaner may delete it")
		}
	}
	for _, policy := range e.Policies {
		if policy.Latest == nil && policy.NotReady == "" && !slices.ContainsFunc(e.Problems, func(p v1alpha1.Problem) bool { return blocks(&p) }) {
			gaps = append(gaps, fmt.Sprintf("ImagePolicy %s has not resolved a tag", policy.Name))
		}
	}
	return gaps
}

// answerGaps returns which tags registries did not answer for.
func (e *explanation) answerGaps() []string {
	var gaps []string
	for _, checked := range e.checked {
		switch checked.Status {
		case v1alpha1.ImageUnauthorized, v1alpha1.ImageUnreachable, v1alpha1.ImageUnknown:
			gaps = append(gaps, fmt.Sprintf("%s is %s: %s", checked.Image, checked.Status, checked.Message))
		default:
		}
	}
	return gaps
}
