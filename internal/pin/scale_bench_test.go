package pin

import (
	"fmt"
	"testing"
	"time"
)

// cluster is what a plan reads of one of so many releases: one in ten is suspended, one in
// five has a policy.
func cluster(releases int) *Snapshot {
	now := time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)
	s := &Snapshot{Taken: now, Since: now.Add(-time.Hour)}
	for i := range releases {
		name := Name{fmt.Sprint("team-", i%(releases/50)), fmt.Sprint("app-", i)}
		if i%10 == 0 {
			s.Releases = append(s.Releases, suspendedOne(name))
		}
		if i%5 == 0 {
			s.Policies = append(s.Policies, Policy{
				Name: name, Repository: name, LatestImage: imageOf(name), LatestTag: "staging",
			})
			s.Repositories = append(s.Repositories, Repository{Name: name, Image: imageOf(name)})
		}
	}
	return s
}

func imageOf(release Name) string { return "registry.example/team/" + release.Name }

// suspendedOne is a release that is suspended.
func suspendedOne(name Name) Release {
	return Release{
		Name: name, Suspended: true, ReleaseName: name.Name, Chart: "app", TargetNamespace: name.Namespace,
		Found: Find([]Content{{"spec.values", map[string]any{
			"image": map[string]any{"repository": imageOf(name), "tag": "staging"},
		}}}),
	}
}

// A pass from the snapshot to the text of the list: by one who has planned before, when
// one release has come in another's place since, beside one who has not.
func BenchmarkPass(b *testing.B) {
	for _, releases := range []int{1_000, 10_000, 50_000} {
		s := cluster(releases)
		s.Memory = MemoryOf(Plan(s, Options{Grace: time.Hour}))
		planner := NewPlanner(Options{Grace: time.Hour})
		planner.Plan(s)
		b.Run(fmt.Sprintf("%d/one changed", releases), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				r := &s.Releases[i%len(s.Releases)]
				*r = suspendedOne(Name{r.Namespace, fmt.Sprint("other-", i)})
				pass(b, planner, s)
			}
		})
		b.Run(fmt.Sprintf("%d/whole", releases), func(b *testing.B) {
			for b.Loop() {
				pass(b, NewPlanner(Options{Grace: time.Hour}), s)
			}
		})
	}
}

func pass(b *testing.B, planner *Planner, s *Snapshot) {
	b.Helper()
	Ask(s.Memory, s.Taken, s.Since, planner.options)
	report := planner.Plan(s)
	if _, _, err := Spread(report, "salt", 1, roomFor(900_000)); err != nil {
		b.Fatal(err)
	}
}
