package pin_test

import (
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// What a planner that has planned before says is what one says that has not, whatever has
// changed in between: some releases, their annotations, charts or contents, some policies,
// the order of everything.
func TestPlannerAgreesWithPlan(t *testing.T) {
	start := time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		options := pin.Options{
			FloatingOnly: rapid.Bool().Draw(t, "floating only"), ProtectLive: rapid.Bool().Draw(t, "all"), Grace: time.Hour, ReadyIsProof: true,
			Registries: drawRegistries(t),
		}
		planner := pin.NewPlanner(options)
		s := drawSnapshot(t)
		// Lists of other configurations came before: their pins may have other names.
		for range rapid.IntRange(0, 2).Draw(t, "configurations") {
			s.Taken, s.Since = start.Add(-time.Hour), start.Add(-time.Hour)
			s = next(t, s, pin.MemoryOf(pin.Plan(s, pin.Options{Grace: time.Hour, Registries: drawRegistries(t)})).Rename(options.Registries))
		}
		for round := range rapid.IntRange(2, 5).Draw(t, "rounds") {
			s.Taken, s.Since = start.Add(time.Duration(round)*time.Hour), start
			want := jsonOf(t, pin.Plan(s, options))
			report := planner.Plan(s)
			got := jsonOf(t, report)
			if got != want {
				t.Fatalf("round %d: got\n%s\nwant\n%s", round, got, want)
			}
			if rapid.IntRange(0, 3).Draw(t, "memory") == 0 {
				report = pin.Plan(s, options) // another process wrote it
			}
			s = next(t, s, pin.MemoryOf(report))
		}
	})
}

// drawRegistries draws which images are pinned, and as what.
func drawRegistries(t *rapid.T) []pin.Registry {
	return rapid.SampledFrom([][]pin.Registry{
		nil, {{Host: "g.io", Type: "container"}}, {{Host: "g.io", Type: "other"}}, {{Host: "g.io", Owner: "o", Type: "other"}}, {{Host: "elsewhere", Type: "container"}},
	}).Draw(t, "registries")
}

// next is a snapshot of which some parts are those of the last one.
func next(t *rapid.T, last *pin.Snapshot, memory pin.Memory) *pin.Snapshot {
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
		options := pin.Options{Grace: time.Hour, ReadyIsProof: rapid.Bool().Draw(t, "ready is proof")}
		s := drawSnapshot(t)
		for round := range rapid.IntRange(2, 5).Draw(t, "rounds") {
			s.Taken, s.Since = start.Add(time.Duration(round)*time.Hour), start
			s.Memory.OwnersUnknown = s.Memory.OwnersUnknown || rapid.IntRange(0, 5).Draw(t, "owners unknown") == 0
			requirements := pin.Require(s.Memory, s.Taken, s.Since, options)
			s.AllReleases, s.Confirmed = requirements.AllReleases, map[object.ID]bool{}
			for _, name := range requirements.ToConfirm {
				s.Confirmed[name] = true
			}
			protector := pin.NewProtector(s.Namespaces, options)
			part := *s
			part.Releases = slices.DeleteFunc(slices.Clone(s.Releases), func(r pin.Release) bool {
				return !protector.Protects(&r) && !requirements.Wants(r.ID)
			})
			want := jsonOf(t, pin.Plan(s, options))
			if got := jsonOf(t, pin.Plan(&part, options)); got != want {
				t.Fatalf("round %d: of %d of %d releases\n%s\nof all\n%s", round, len(part.Releases), len(s.Releases), got, want)
			}
			s = next(t, s, pin.MemoryOf(pin.Plan(s, options)))
		}
	})
}

// Old reports are not kept in memory by the releases that have changed since.
func TestPlannerDropsOldReports(t *testing.T) {
	planner := pin.NewPlanner(pin.Options{Grace: time.Hour})
	s := &pin.Snapshot{Releases: []pin.Release{suspended("a", "g.io/o/a:1"), suspended("b", "g.io/o/b:1")}}
	report := planner.Plan(s)
	old := weak.Make(&report.Pins[0])
	s.Releases[1] = suspended("b", "g.io/o/b:2")
	for range 2 {
		s = &pin.Snapshot{Releases: s.Releases, Memory: pin.MemoryOf(report)}
		report = planner.Plan(s)
	}
	runtime.GC()
	if old.Value() != nil {
		t.Error("the first report is still in memory")
	}
	runtime.KeepAlive(planner)
	runtime.KeepAlive(report)
}
