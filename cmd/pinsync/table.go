package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// printSummary prints how many releases were read, and of how many of those that are
// protected it is known that all their images are pinned.
func printSummary(s *pin.Snapshot, report *v1alpha1.PinReport, out io.Writer) {
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
	fmt.Fprintf(out, "%s: %d suspended, of which %d disabled; %d running. Of %d protected, %d fully pinned.\n\n",
		amount(len(s.Releases), "HelmRelease"), suspended, disabled, len(s.Releases)-suspended, len(report.Releases), pinned)
}

// printTable prints a plan for people: every image that was found in a protected
// release or its chart, where, and the policies that were linked to it; the tags that those
// policies name; every pin of every release; then the problems.
func printTable(findings []pin.Finding, report *v1alpha1.PinReport, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RELEASE\tNAMED BY\tFOUND AT\tIMAGE\tPOLICY\tLINKED BY")
	for _, f := range findings {
		policies := make([]string, 0, len(f.Policies))
		for _, policy := range f.Policies {
			policies = append(policies, policy.String())
		}
		row(table, f.Release.String(), namedBy(f.Path), f.Path, f.Image, strings.Join(policies, ","), string(f.Rule))
	}
	printPolicyTags(report, table)
	fmt.Fprintln(table, "\nRELEASE\tSTATE\tPIN")
	for _, release := range report.Releases {
		name := release.Namespace + "/" + release.Name
		if len(release.Pins) == 0 {
			row(table, name, string(release.State), "none")
		}
		for _, pin := range release.Pins {
			row(table, name, string(release.State), pin)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	printProblems(report, out)
	return nil
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

// printPolicyTags prints the tags that policies name for the releases that they are linked to.
func printPolicyTags(report *v1alpha1.PinReport, table io.Writer) {
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
					row(table, r.Namespace+"/"+r.Name, "policy", via, p.Image, policy, "")
				}
			}
		}
	}
}

// row prints a row of a table, with a dash for an empty cell.
func row(table io.Writer, cells ...string) {
	for i, cell := range cells {
		cells[i] = cmp.Or(printable(cell), "-")
	}
	fmt.Fprintln(table, strings.Join(cells, "\t"))
}

// printProblems prints every problem of a report on a line of its own.
func printProblems(report *v1alpha1.PinReport, out io.Writer) {
	for _, problem := range report.Problems {
		printProblem(out, &problem, "")
	}
	for _, release := range report.Releases {
		for _, problem := range release.Problems {
			printProblem(out, &problem, "HelmRelease "+release.Namespace+"/"+release.Name)
		}
	}
}

func printProblem(out io.Writer, problem *v1alpha1.Problem, release string) {
	var place []string
	for _, part := range []string{release, problem.Object, problem.Field} {
		if part != "" {
			place = append(place, part)
		}
	}
	fmt.Fprintf(out, "warning: %s: %s (%s)\n", printable(strings.Join(place, ": ")), printable(problem.Message), problem.Reason)
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
