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
	printFound(p, d.Images)
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

// printFound prints each image below the place where it was found.
func printFound(p *page, images []v1alpha1.FoundImage) {
	if len(images) == 0 {
		p.line(1, "none was found")
	}
	for _, f := range images {
		p.line(1, "%s", f.Path)
		p.line(2, "%s", f.Image)
		for _, policy := range f.Policies {
			p.line(2, "ImagePolicy %s, linked by: %s", policy, f.LinkedBy)
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
			printEntry(p, 2, neededBy(pin.Entry), pin.Entry.HeldBecause)
		} else {
			p.line(2, "%s", unlisted(d, pin))
		}
	}
}

// printEntry prints for whom a pin is in the list and, if none needs it, what it waits for.
func printEntry(p *page, level int, who string, because *string) {
	p.line(level, "%s", who)
	if because != nil {
		p.line(level, "%s", *because)
	}
}

// neededBy describes for whom a pin is in the list.
func neededBy(entry *v1alpha1.Pin) string {
	if len(entry.NeededBy) > 0 {
		return fmt.Sprintf("%s, needed by %s", entry.State, strings.Join(entry.NeededBy, ", "))
	}
	return heldSince(entry) + ", kept for " + knownOf(heldFor(entry))
}

// heldSince describes a pin that no release needs.
func heldSince(entry *v1alpha1.Pin) string {
	if entry.HeldSince == nil {
		return string(entry.State)
	}
	return fmt.Sprintf("%s since %s", entry.State, *entry.HeldSince)
}

// knownOf returns the owners that are known, for people.
func knownOf(owners []string) string {
	known := slices.DeleteFunc(slices.Clone(owners), func(owner string) bool {
		_, ok := object.ParseID(owner)
		return !ok
	})
	return cmp.Or(strings.Join(known, ", "), "releases that are not known")
}

// unlisted describes a pin of the release of which the report does not have for whom it is listed.
func unlisted(d *v1alpha1.ReleaseExplanation, pin *v1alpha1.ReleasePin) string {
	switch {
	case pin.Listed == nil:
		return "not known whether it is listed"
	case *pin.Listed:
		return "listed for releases that are not known"
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

// tagGone is where people read what to do about a tag that the registry does not have.
const tagGone = "https://git.oleks.space/oleks/pinsync/src/branch/main/docs/troubleshooting.md#the-tag-is-gone-what-now"

// printResume prints whether a resume would work.
func printResume(p *page, d *v1alpha1.ReleaseExplanation) {
	p.section("RESUME")
	if !d.Suspended {
		p.line(1, "not suspended: there is nothing to resume")
	}
	for _, checked := range d.Checked {
		p.line(1, "%s: %s", cmp.Or(checked.Image, checked.Pin), checked.Status)
	}
	if len(d.Resume.Reasons) == 0 {
		p.line(1, "%s: nothing that is known blocks it", verdictText(d))
	} else {
		p.line(1, "%s:", verdictText(d))
	}
	for _, reason := range d.Resume.Reasons {
		p.line(2, "%s", reason)
	}
	if slices.ContainsFunc(d.Checked, func(c v1alpha1.CheckedImage) bool { return c.Status == v1alpha1.ImageMissing }) {
		p.line(1, "to restore a missing tag, see %s", tagGone)
	}
}

// verdictText describes whether a resume would work or, of a release that is not suspended, what needs
// its images next.
func verdictText(d *v1alpha1.ReleaseExplanation) string {
	what := "a resume"
	if !d.Suspended {
		what = "a restart or an upgrade"
	}
	switch {
	case d.Resume.Verdict == v1alpha1.ResumeUnknown:
		return "unknown whether " + what + " would work now"
	case d.Resume.Verdict == v1alpha1.ResumeWorks:
		return what + " would work now"
	case d.Suspended:
		return what + " would not work now"
	default:
		return what + " may fail now"
	}
}
