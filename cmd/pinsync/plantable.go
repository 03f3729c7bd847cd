package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// planTable returns a plan for people: how many releases there are; of every protected release the images
// that were found in it or its chart, with the policies that were linked to them, and those that these policies
// name; every pin of every release.
func planTable(s *pin.Snapshot, report *v1alpha1.PinReport, o pin.Options, width int) string {
	p := &page{width: width}
	p.line(0, "%s", summary(s, report))
	found := map[string][]v1alpha1.FoundImage{}
	for _, f := range pin.Explain(s, o) {
		found[f.Release.String()] = append(found[f.Release.String()], foundImage(&f))
	}
	byLine := map[string][]*v1alpha1.Pin{} // two images may have the same pin
	for i := range report.Pins {
		byLine[report.Pins[i].Pin] = append(byLine[report.Pins[i].Pin], &report.Pins[i])
	}
	pins := table{{"RELEASE", "STATE", "PIN"}}
	for i := range report.Releases {
		r := &report.Releases[i]
		name := r.Namespace + "/" + r.Name
		p.section(name)
		images := found[name]
		for _, line := range r.Pins {
			images = append(images, imagesOfPolicies(r, byLine[line])...)
			pins.add(name, string(r.State), line)
		}
		if len(r.Pins) == 0 {
			pins.add(name, string(r.State), "none")
		}
		printFound(p, images)
	}
	p.line(0, "")
	pins.print(p)
	return p.String()
}

// imagesOfPolicies returns those images of pins that a release's policies name.
func imagesOfPolicies(r *v1alpha1.Release, pins []*v1alpha1.Pin) []v1alpha1.FoundImage {
	var images []v1alpha1.FoundImage
	for _, p := range pins {
		for _, via := range p.Via {
			if policy, ok := strings.CutPrefix(via, link.PolicyObject); ok && slices.Contains(r.Policies, policy) {
				images = append(images, v1alpha1.FoundImage{Path: via, Image: p.Image})
			}
		}
	}
	return images
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
		what = "with every image in their values pinned"
	}
	return fmt.Sprintf("%s: %d suspended, of which %d disabled; %d running. Of %d protected, %d %s.",
		object.Amount(len(s.Releases), "HelmRelease"), suspended, disabled, len(s.Releases)-suspended, len(report.Releases), pinned, what)
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
	place := slices.DeleteFunc([]string{release, problem.Object, problem.Field}, func(part string) bool { return part == "" })
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
