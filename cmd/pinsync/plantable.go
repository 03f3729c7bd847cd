package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// planTable returns a plan for people: how many releases there are; every image that was found in a
// protected release or its chart, where, and the policies that were linked to it; the tags that those
// policies name; every pin of every release.
func planTable(s *pin.Snapshot, report *v1alpha1.PinReport, o pin.Options, width int) string {
	p := &page{width: width}
	p.line(0, "%s", summary(s, report))
	images := table{header: []string{"RELEASE", "NAMED BY", "FOUND AT", "IMAGE", "POLICY", "LINKED BY"}}
	for _, f := range pin.Explain(s, o) {
		policies := make([]string, 0, len(f.Policies))
		for _, policy := range f.Policies {
			policies = append(policies, policy.String())
		}
		images.add(f.Release.String(), namedBy(f.Path), f.Path, f.Image, strings.Join(policies, ","), string(f.Rule))
	}
	addPolicyTags(report, &images)
	p.line(0, "")
	images.print(p)
	pins := table{header: []string{"RELEASE", "STATE", "PIN"}}
	for _, release := range report.Releases {
		name := release.Namespace + "/" + release.Name
		if len(release.Pins) == 0 {
			pins.add(name, string(release.State), "none")
		}
		for _, pin := range release.Pins {
			pins.add(name, string(release.State), pin)
		}
	}
	p.line(0, "")
	pins.print(p)
	return p.String()
}

// summary returns how many releases were read, and of how many of those that are protected it is
// known that all their images are pinned.
func summary(s *pin.Snapshot, report *v1alpha1.PinReport) string {
	isProtected := map[string]bool{}
	pinned := 0
	for i := range report.Releases {
		r := &report.Releases[i]
		isProtected[r.Namespace+"/"+r.Name] = true
		if !slices.ContainsFunc(r.Problems, pin.MayMissTag) {
			pinned++
		}
	}
	suspended, disabled := 0, 0
	for i := range s.Releases {
		if r := &s.Releases[i]; r.Suspended {
			suspended++
			if !isProtected[r.Name.String()] {
				disabled++
			}
		}
	}
	what := "fully pinned"
	if slices.ContainsFunc(s.Notes, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonChartNotRead }) {
		what = "with all that their values name"
	}
	return fmt.Sprintf("%s: %d suspended, of which %d disabled; %d running. Of %d protected, %d %s.",
		amount(len(s.Releases), "HelmRelease"), suspended, disabled, len(s.Releases)-suspended, len(report.Releases), pinned, what)
}

// namedBy returns what names an image, by the place where it was found.
func namedBy(path string) string {
	switch {
	case strings.HasPrefix(path, image.ChartPath):
		return "chart"
	case strings.HasPrefix(path, "metadata.annotations"):
		return "annotation"
	default:
		return "values"
	}
}

// addPolicyTags adds the tags that policies name for the releases that they are linked to.
func addPolicyTags(report *v1alpha1.PinReport, images *table) {
	for i := range report.Pins {
		p := &report.Pins[i]
		for _, via := range p.Via {
			policy, ok := strings.CutPrefix(via, link.PolicyObject)
			if !ok {
				continue
			}
			for j := range report.Releases {
				r := &report.Releases[j]
				if slices.Contains(r.Policies, policy) && slices.Contains(r.Pins, p.Pin) {
					images.add(r.Namespace+"/"+r.Name, "policy", via, p.Image, policy, "")
				}
			}
		}
	}
}

// printProblems prints every problem of a report on a line of its own, so that programs can count them.
func printProblems(report *v1alpha1.PinReport, errOut io.Writer) {
	for i := range report.Problems {
		fmt.Fprintln(errOut, warning(&report.Problems[i], ""))
	}
	for _, release := range report.Releases {
		for i := range release.Problems {
			fmt.Fprintln(errOut, warning(&release.Problems[i], "HelmRelease "+release.Namespace+"/"+release.Name))
		}
	}
}

func warning(problem *v1alpha1.Problem, release string) string {
	var place []string
	for _, part := range []string{release, problem.Object, problem.Field} {
		if part != "" {
			place = append(place, part)
		}
	}
	return fmt.Sprintf("warning: %s: %s (%s)", printable(strings.Join(place, ": ")), printable(problem.Message), problem.Reason)
}

// printable replaces what is not printable: text from objects stays on one line, and cannot
// control the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
