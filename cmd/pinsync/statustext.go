package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// statusText returns a status for people, of lists that are relied on up to an age.
func statusText(s *v1alpha1.PinStatus, maxAge time.Duration, width int) string {
	p := &page{width: width}
	for i := range s.Lists {
		if i > 0 {
			p.line(0, "")
		}
		printList(p, &s.Lists[i], maxAge)
		printReleases(p, &s.Lists[i])
		printHeld(p, &s.Lists[i])
		printWrong(p, &s.Lists[i])
	}
	return p.String()
}

// printList prints whether a list can be relied on, and what pinsync does by its configuration.
func printList(p *page, l *v1alpha1.ListStatus, maxAge time.Duration) {
	clock := "the API server's clock"
	if l.AgeByHost {
		clock = "this host's clock"
	}
	p.line(0, "list %s/%s of %s", l.Namespace, l.Name, l.Cluster)
	if l.Doubt == "" {
		p.line(1, "complete, and relied on for %s after each sync", maxAge)
	} else {
		p.line(1, "DO NOT RELY ON IT: %s", l.Doubt)
	}
	p.line(1, "%s, synced %s ago by %s", object.Amount(l.Pins, "pin"), l.Age, clock)
	if l.ReportDoubt != "" {
		p.line(1, "%s", l.ReportDoubt)
	}
	if c := l.Configuration; c != nil {
		printConfiguration(p, c)
	}
	p.line(1, "%s", lastCheck(l.Checked))
}

// printConfiguration prints which tags are pinned, and for how long.
func printConfiguration(p *page, c *v1alpha1.Configuration) {
	tags, isLive := "all tags that they refer to", "a pod of it runs the tag"
	if c.Tags == v1alpha1.TagsFloating {
		tags = "those of their tags that an ImagePolicy follows"
	}
	if c.Hold.Proof == v1alpha1.ProofReady {
		isLive = "it is ready"
	}
	p.line(1, "protects %s releases: pins %s", strings.ToLower(c.Releases), tags)
	p.line(1, "after a resume, keeps the release's pins until %s, and for %s after that", isLive, c.Hold.Grace)
}

// lastCheck returns what the last check that was recorded has found.
func lastCheck(c *v1alpha1.RecordedCheck) string {
	if c == nil {
		return "registries: no check is recorded; record one with pinsync check --record"
	}
	text := fmt.Sprintf("registries: checked %s ago", c.Age)
	if c.ListChanged {
		text += ", and the list has changed since"
	}
	text += ": " + object.Amount(c.Images, "needed image")
	if c.Missing > 0 {
		text += fmt.Sprintf(", %d MISSING OR INCOMPLETE: %s", c.Missing, strings.Join(c.MissingPins, ", "))
		if more := c.Missing - len(c.MissingPins); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
	}
	if c.Unchecked > 0 {
		text += fmt.Sprintf(", %d could not be checked", c.Unchecked)
	}
	if c.Missing+c.Unchecked == 0 {
		text += ", all present"
	}
	return text
}

// printReleases prints the releases that are or were suspended, and how well each is covered.
func printReleases(p *page, l *v1alpha1.ListStatus) {
	releases := table{{"RELEASE", "STATE", "PINS", "COVERED"}}
	live := 0
	for i := range l.Releases {
		r := &l.Releases[i]
		if r.State == v1alpha1.ReleaseLive {
			live++
		}
		if r.State != v1alpha1.ReleaseLive || len(r.Problems) > 0 {
			releases.add(r.Namespace+"/"+r.Name, string(r.State), strconv.Itoa(r.Pins), coverage(r))
		}
	}
	p.line(0, "")
	if len(releases) > 1 {
		releases.print(p)
	} else {
		p.line(0, "No protected release is suspended.")
	}
	if len(l.DisabledReleases) > 0 {
		p.line(0, "Not protected: %s, disabled by annotation or namespaceDefault: %s",
			object.Amount(len(l.DisabledReleases), "suspended release"), someOf(l.DisabledReleases))
	}
	if live > 0 {
		p.line(0, "%s protected, too; those without a problem are not shown", object.Amount(live, "live release"))
	}
}

func coverage(r *v1alpha1.ReleaseStatus) string {
	switch {
	case r.Missing > 0:
		return fmt.Sprintf("NO: the list lacks %s", object.Amount(r.Missing, "pin"))
	case r.MayLackTags:
		var reasons []string
		for i := range r.Problems {
			if reason := string(r.Problems[i].Reason); pin.MayMissTag(r.Problems[i]) && !slices.Contains(reasons, reason) {
				reasons = append(reasons, reason)
			}
		}
		return "may lack tags: " + strings.Join(reasons, ", ")
	default:
		return "all tags that were found"
	}
}

// printHeld prints the pins that are not needed any more, and what each waits for.
func printHeld(p *page, l *v1alpha1.ListStatus) {
	if len(l.Held) == 0 {
		return
	}
	p.section("HELD")
	for i := range l.Held {
		p.line(1, "%s", l.Held[i].Pin)
		if because := l.Held[i].HeldBecause; because != nil {
			p.line(2, "%s", *because)
		}
	}
}

// printWrong prints the problems of the cluster, then those of the releases: one of several releases once.
func printWrong(p *page, l *v1alpha1.ListStatus) {
	var problems []string
	releases := map[string][]string{}
	for i := range l.Releases {
		r := &l.Releases[i]
		for j := range r.Problems {
			problem := namedReasonOf(&r.Problems[j])
			if releases[problem] == nil {
				problems = append(problems, problem)
			}
			releases[problem] = append(releases[problem], r.Namespace+"/"+r.Name)
		}
	}
	if len(l.Problems)+len(problems) == 0 {
		return
	}
	p.section("PROBLEMS")
	for i := range l.Problems {
		p.line(1, "%s", namedReasonOf(&l.Problems[i]))
	}
	for _, problem := range problems {
		p.line(1, "%s: %s", someOf(slices.Compact(releases[problem])), problem)
	}
}
