package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// printTable prints a report for people: a line for every pin of every protected
// release, then the problems.
func printTable(report *v1alpha1.PinReport, out io.Writer) error {
	via := map[string][]string{}
	for _, pin := range report.Pins {
		via[pin.Pin] = append(via[pin.Pin], pin.Via...)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RELEASE\tSTATE\tPIN\tVIA")
	for _, release := range report.Releases {
		name := release.Namespace + "/" + release.Name
		if len(release.Pins) == 0 {
			fmt.Fprintf(table, "%s\t%s\t%s\t\n", name, release.State, "none")
		}
		for _, pin := range release.Pins {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, release.State, pin, printable(strings.Join(via[pin], ", ")))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	printProblems(report, out)
	return nil
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

// printable keeps text that comes from objects on one line, and from commanding
// the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
