package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// figures count what has happened.
type figures struct {
	mu sync.Mutex
	// actions are those of the user, and refusals those of pinsync export, by kind.
	actions, refusals map[string]int
	// runs are those of the cleaner in which it deleted what it wanted to, failures those in which
	// something else than a refusal has stopped it, and confirmed those that a person has
	// confirmed after a list had lost half of its pins.
	runs, failures, confirmed int
	// deleted are the tags that the cleaner has deleted.
	deleted int
	// needs are how many there have been, and repushed how many tags were missing when they became
	// needed, so that they were pushed again.
	needs, repushed int
	// checks are the answers of the registry that a needed tag exists, and unanswered those that
	// it did not give.
	checks, unanswered int
	// restarts are how often pinsync has ended by itself, fluxRestarts how often a controller of
	// Flux, and versions those of the list.
	restarts, fluxRestarts, versions int
	losses                           []string
}

func newFigures() *figures { return &figures{actions: map[string]int{}, refusals: map[string]int{}} }

// count changes the figures.
func (f *figures) count(change func(*figures)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// lost returns a description of every tag that was lost.
func (f *figures) lost() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.losses)
}

// line returns the most important figures.
func (f *figures) line() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%d actions, the cleaner ran %d times, was refused %d times and failed %d times, deleted %d tags; lost: %d",
		sum(f.actions), f.runs, sum(f.refusals), f.failures, f.deleted, len(f.losses))
}

// print prints all figures.
func (f *figures) print(out io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := func(name string, value int) { fmt.Fprintf(out, "%-52s %6d\n", name, value) }
	byKind := func(counted map[string]int) {
		for _, kind := range slices.Sorted(maps.Keys(counted)) {
			line("  "+kind, counted[kind])
		}
	}
	line("actions", sum(f.actions))
	byKind(f.actions)
	line("runs of the cleaner", f.runs)
	line("  confirmed after the list had shrunk", f.confirmed)
	line("refusals of pinsync export", sum(f.refusals))
	byKind(f.refusals)
	line("runs that failed otherwise", f.failures)
	line("pinsync ended by itself", f.restarts)
	line("controllers of Flux ended by themselves", f.fluxRestarts)
	line("versions of the list", f.versions)
	line("tags deleted", f.deleted)
	line("needs", f.needs)
	line("  pushed again: missing when they became needed", f.repushed)
	line("checks that a needed tag exists", f.checks)
	line("  without an answer of the registry", f.unanswered)
	line("tags lost", len(f.losses))
}

func sum(counted map[string]int) (total int) {
	for n := range maps.Values(counted) {
		total += n
	}
	return total
}
