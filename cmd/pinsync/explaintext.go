package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// explanationText returns an explanation for people. Image names are long, so details are on the
// lines below, not in columns.
func explanationText(d *v1alpha1.ReleaseExplanation, width int) string {
	p := &page{width: width}
	p.line(0, "%s/%s: %s", d.Namespace, d.Name, d.Summary)
	printImages(p, d)
	printPins(p, d)
	printProblemSection(p, d.Problems)
	if len(d.Unread) > 0 {
		p.section("NOT READ")
		for _, unread := range d.Unread {
			p.line(1, "%s", unread)
		}
	}
	printResume(p, d)
	return p.String()
}

func printImages(p *page, d *v1alpha1.ReleaseExplanation) {
	p.section("IMAGES")
	if len(d.Images) == 0 {
		p.line(1, "none was found")
	}
	for _, f := range d.Images {
		p.line(1, "%s", f.Path)
		p.line(2, "%s", f.Image)
		for _, policy := range f.Policies {
			p.line(2, "ImagePolicy %s, linked by: %s", policy, f.LinkedBy)
		}
	}
	if len(d.Policies) == 0 {
		return
	}
	p.section("POLICIES")
	for _, policy := range d.Policies {
		p.line(1, "%s", policy.Name)
		switch {
		case policy.Latest != "":
			p.line(2, "resolved to %s", policy.Latest)
		case len(d.Unread) > 0:
			p.line(2, "not read")
		default:
			p.line(2, "resolved to nothing yet")
		}
	}
}

func printPins(p *page, d *v1alpha1.ReleaseExplanation) {
	p.section("PINS")
	if d.List.ReportDoubt != "" {
		p.line(1, "%s", d.List.ReportDoubt)
	}
	if len(d.Pins) == 0 {
		p.line(1, "none")
	}
	for i := range d.Pins {
		pin := &d.Pins[i]
		p.line(1, "%s", pin.Pin)
		if pin.Entry != nil {
			printEntry(p, 2, pin.Entry)
		} else {
			p.line(2, "%s", unlisted(d, pin))
		}
	}
}

// printEntry prints what the report has of a pin.
func printEntry(p *page, level int, entry *v1alpha1.Pin) {
	p.line(level, "%s", neededBy(entry))
	if entry.HeldSince != nil {
		p.line(level, "held since %s", *entry.HeldSince)
	}
	if entry.HeldBecause != nil {
		p.line(level, "%s", *entry.HeldBecause)
	}
}

// neededBy describes for whom a pin is in the list.
func neededBy(entry *v1alpha1.Pin) string {
	if len(entry.NeededBy) > 0 {
		return fmt.Sprintf("%s, needed by %s", entry.State, strings.Join(entry.NeededBy, ", "))
	}
	var owners []string
	for i := range entry.HeldFor {
		owners = append(owners, entry.HeldFor[i].Owner)
	}
	return fmt.Sprintf("%s, kept for %s", entry.State, knownOf(owners))
}

// knownOf returns the owners that are known, for people.
func knownOf(owners []string) string {
	known := slices.DeleteFunc(slices.Clone(owners), func(owner string) bool {
		_, ok := object.ParseID(owner)
		return !ok
	})
	return cmp.Or(strings.Join(known, ", "), "releases that are not known")
}

// unlisted describes why a pin of the release is not among those that the report has for it.
func unlisted(d *v1alpha1.ReleaseExplanation, pin *v1alpha1.ReleasePin) string {
	switch {
	case pin.Listed == nil:
		return "not known whether it is listed"
	case *pin.Listed && d.List.ReportDoubt != "":
		return "listed"
	case *pin.Listed:
		return "listed; the report does not have it for this release"
	case d.Protected:
		return "NOT LISTED"
	case d.Suspended:
		return "not listed: the release is not protected"
	default:
		return "not listed; it will be when the release is suspended and protected"
	}
}

func printProblemSection(p *page, problems []v1alpha1.Problem) {
	if len(problems) == 0 {
		return
	}
	p.section("PROBLEMS")
	for i := range problems {
		p.line(1, "%s", problems[i].Reason)
		p.line(2, "%s", reasonOf(&problems[i]))
	}
}

// printResume prints whether a resume would work.
func printResume(p *page, d *v1alpha1.ReleaseExplanation) {
	p.section("RESUME")
	if !d.Suspended {
		p.line(1, "not suspended: there is nothing to resume; if it were suspended:")
	}
	for _, checked := range d.Checked {
		p.line(1, "%s: %s", cmp.Or(checked.Image, checked.Pin), checked.Status)
	}
	switch d.Resume.Verdict {
	case v1alpha1.ResumeBlocked:
		p.line(1, "a resume would not work now:")
	case v1alpha1.ResumeUnknown:
		p.line(1, "unknown whether a resume would work now:")
	default:
		p.line(1, "a resume would work now, as far as its values name its images")
	}
	for _, reason := range d.Resume.Reasons {
		p.line(2, "%s", reason)
	}
}
