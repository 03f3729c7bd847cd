package pin

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What a planner that has planned before says is what one says that has not, whatever has
// changed in between: some releases, their annotations, charts or contents, some policies,
// the order of everything.
func TestPlannerAgreesWithPlan(t *testing.T) {
	start := time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		options := Options{
			FloatingOnly: rapid.Bool().Draw(t, "floating only"), AllReleases: rapid.Bool().Draw(t, "all"), Grace: time.Hour, ReadyIsProof: true,
			Registries: drawRegistries(t),
		}
		planner := NewPlanner(options)
		s := drawSnapshot(t)
		// Lists of other configurations came before: their pins may have other names.
		for range rapid.IntRange(0, 2).Draw(t, "configurations") {
			s.Taken, s.Since = start.Add(-time.Hour), start.Add(-time.Hour)
			s = next(t, s, MemoryOf(Plan(s, Options{Grace: time.Hour, Registries: drawRegistries(t)})))
		}
		for round := range rapid.IntRange(2, 5).Draw(t, "rounds") {
			s.Taken, s.Since = start.Add(time.Duration(round)*time.Hour), start
			want, err := JSON(Plan(s, options))
			if err != nil {
				t.Fatal(err)
			}
			report := planner.Plan(s)
			got, err := JSON(report)
			if err != nil || got != want {
				t.Fatalf("round %d: %v, got\n%s\nwant\n%s", round, err, got, want)
			}
			// Who reads a report may put it in another order, but not change what comes next.
			for i := range report.Releases {
				clear(report.Releases[i].Problems)
			}
			s = next(t, s, MemoryOf(Plan(s, options)))
		}
	})
}

// drawRegistries draws which images are pinned, and as what.
func drawRegistries(t *rapid.T) []Registry {
	return rapid.SampledFrom([][]Registry{
		nil, {{Host: "g.io", Type: "container"}}, {{Host: "g.io", Type: "other"}}, {{Host: "g.io", Owner: "o", Type: "other"}}, {{Host: "elsewhere", Type: "container"}},
	}).Draw(t, "registries")
}

// next is a snapshot of which some parts are those of the last one.
func next(t *rapid.T, last *Snapshot, memory Memory) *Snapshot {
	s := drawSnapshot(t)
	s.Memory = memory
	for i := range s.Releases {
		for j := range last.Releases {
			if s.Releases[i].Name != last.Releases[j].Name || rapid.IntRange(0, 3).Draw(t, "changed") == 0 {
				continue
			}
			s.Releases[i] = last.Releases[j]
			r := &s.Releases[i]
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				r.Suspended = !r.Suspended
			case 1:
				r.Policies = rapid.SampledFrom([]string{"", "policy0", "a/policy1"}).Draw(t, "policies")
			case 2:
				r.Chart = rapid.SampledFrom([]string{"", "policy1"}).Draw(t, "chart")
			case 3:
				r.ReleaseName = rapid.SampledFrom([]string{"", "policy2"}).Draw(t, "release name")
			}
		}
	}
	if rapid.Bool().Draw(t, "the same policies") {
		s.Policies, s.Repositories = rapid.Permutation(last.Policies).Draw(t, "policies"), last.Repositories
	}
	return s
}

// A plan does not depend on the releases that are neither protected nor wanted: they can be
// left out.
func TestPlanReadsOnlyWhatMatters(t *testing.T) {
	start := time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		options := Options{Grace: time.Hour, ReadyIsProof: rapid.Bool().Draw(t, "ready is proof")}
		s := drawSnapshot(t)
		for round := range rapid.IntRange(2, 5).Draw(t, "rounds") {
			s.Taken, s.Since = start.Add(time.Duration(round)*time.Hour), start
			s.Memory.Forgotten = s.Memory.Forgotten || rapid.IntRange(0, 5).Draw(t, "forgotten") == 0
			questions := Ask(s.Memory, s.Taken, s.Since, options)
			s.Everyone, s.Confirmed = questions.Everyone, map[string]bool{}
			for _, name := range questions.ToConfirm {
				s.Confirmed[name] = true
			}
			protector := NewProtector(s.Namespaces, options)
			part := *s
			part.Releases = slices.DeleteFunc(slices.Clone(s.Releases), func(r Release) bool {
				return !protector.Protects(&r) && !questions.Wants(r.Name)
			})
			want, err := JSON(Plan(s, options))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := JSON(Plan(&part, options)); err != nil || got != want {
				t.Fatalf("round %d: %v, of %d of %d releases\n%s\nof all\n%s", round, err, len(part.Releases), len(s.Releases), got, want)
			}
			s = next(t, s, MemoryOf(Plan(s, options)))
		}
	})
}
