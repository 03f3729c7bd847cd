package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// page is a text of sections for people.
type page struct{ strings.Builder }

// line prints a line, indented by two blanks a level.
func (p *page) line(level int, format string, args ...any) {
	fmt.Fprintf(p, "%s%s\n", strings.Repeat("  ", level), printable(fmt.Sprintf(format, args...)))
}

func (p *page) section(title string) {
	p.line(0, "")
	p.line(0, "%s", title)
}

// text returns what is printed. Image names are long, so details are on the lines below, not
// in columns.
func (e *explanation) text() string {
	p := &page{}
	p.line(0, "HelmRelease %s is %s.", e.Release.Name, e.state())
	e.findings(p)
	e.policies(p)
	e.pins(p)
	e.problems(p)
	e.resume(p)
	return p.String()
}

func (e *explanation) state() string {
	switch {
	case e.Release.Suspended && e.Protected:
		return "suspended, and its tags are protected"
	case e.Release.Suspended:
		return "suspended, and its tags are not protected: an annotation or the configuration disables it"
	case e.Protected:
		return "not suspended, and its tags are protected"
	default:
		return "not suspended, so only its held tags are protected"
	}
}

func (e *explanation) findings(p *page) {
	p.section("IMAGES")
	if len(e.Findings) == 0 {
		p.line(1, "none was found")
	}
	for _, f := range e.Findings {
		p.line(1, "%s", f.Path)
		p.line(2, "%s", f.Image)
		for _, policy := range f.Policies {
			p.line(2, "ImagePolicy %s, linked by: %s", policy, f.Rule)
		}
	}
}

func (e *explanation) policies(p *page) {
	if len(e.Policies) == 0 {
		return
	}
	p.section("POLICIES")
	for _, policy := range e.Policies {
		p.line(1, "%s", policy.Name)
		if policy.Latest == nil {
			p.line(2, "resolved to nothing yet")
		} else {
			p.line(2, "resolved to %s", policy.Latest)
		}
		if policy.NotReady != "" {
			p.line(2, "not ready: %s", policy.NotReady)
		}
	}
}

// pins prints the release's pins in the list, and those that it needs and are not listed.
func (e *explanation) pins(p *page) {
	p.section("PINS")
	if e.doubt != nil {
		p.line(1, "do not rely on the list: %s", e.doubt)
	}
	if gap := e.reportGap(); gap != "" {
		p.line(1, "%s", gap)
	}
	listed := map[string]bool{}
	if e.list != nil {
		described := e.list.Described()
		for i := range described {
			if entry := &described[i]; e.isFor(entry) {
				listed[entry.Pin] = true
				p.line(1, "%s", entry.Pin)
				e.pinState(p, entry)
			}
		}
	}
	for i := range e.Pins {
		if entry := &e.Pins[i]; !listed[entry.Pin] {
			listed[entry.Pin] = true
			p.line(1, "%s", entry.Pin)
			p.line(2, "%s", e.unlisted(entry.Pin))
		}
	}
	if len(listed) == 0 {
		p.line(1, "none")
	}
}

// reportGap describes what the report on the list may lack.
func (e *explanation) reportGap() string {
	switch {
	case e.list == nil:
		return ""
	case e.reportErr != nil:
		return "why pins are listed is unknown: " + e.reportErr.Error()
	case e.list.Report.List != nil && e.list.Report.List.Plan != e.list.Plan:
		return "the list is newer than the report, which may lack the last changes; pinsync writes it some seconds after the list"
	default:
		return ""
	}
}

// isFor reports whether a pin is needed by the release, or held for it.
func (e *explanation) isFor(entry *v1alpha1.Pin) bool {
	name := e.Release.String()
	return slices.Contains(entry.NeededBy, name) ||
		slices.ContainsFunc(entry.HeldFor, func(h v1alpha1.Hold) bool { return h.Owner == name })
}

func (e *explanation) pinState(p *page, entry *v1alpha1.Pin) {
	p.line(2, "%s, needed by %s", entry.State, cmp.Or(strings.Join(entry.NeededBy, ", "), "no release"))
	if entry.HeldSince != nil {
		p.line(2, "held since %s", *entry.HeldSince)
	}
	if entry.HeldBecause != nil {
		p.line(2, "%s", *entry.HeldBecause)
	}
}

// unlisted describes why a pin of the release is not among those that the report has for it.
func (e *explanation) unlisted(pin string) string {
	switch {
	case e.list == nil:
		return "not known whether it is listed"
	case slices.Contains(e.list.Pins, pin) && e.reportErr != nil:
		return "listed"
	case slices.Contains(e.list.Pins, pin):
		return "listed; the report does not have it for this release yet"
	case e.Protected:
		return "NOT LISTED: a cleaner may delete it"
	default:
		return "not listed; it will be when the release is suspended and protected"
	}
}

func (e *explanation) problems(p *page) {
	if len(e.Problems) == 0 {
		return
	}
	p.section("PROBLEMS")
	for i := range e.Problems {
		problem := &e.Problems[i]
		p.line(1, "%s", strings.Join(slices.DeleteFunc([]string{string(problem.Reason), problem.Object, problem.Field},
			func(s string) bool { return s == "" }), ", "))
		p.line(2, "%s", problem.Message)
	}
}

// resume prints whether a resume would work.
func (e *explanation) resume(p *page) {
	p.section("RESUME")
	for _, checked := range e.images() {
		p.line(1, "%s", checked.Image)
		p.line(2, "%s", strings.TrimSuffix(string(checked.Status)+": "+checked.Message, ": "))
	}
	obstacles, gaps := e.obstacles(), e.gaps()
	switch {
	case len(obstacles) > 0:
		p.line(1, "a resume would not work now:")
	case len(gaps) > 0:
		p.line(1, "unknown whether a resume would work now:")
	case e.checked == nil:
		p.line(1, "nothing in the cluster blocks a resume; --check also checks the registry")
	default:
		p.line(1, "a resume would work now")
	}
	for _, reason := range slices.Concat(obstacles, gaps) {
		p.line(2, "%s", reason)
	}
}
