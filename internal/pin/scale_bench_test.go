package pin_test

import (
	"fmt"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// cluster is what a plan reads of one of so many releases: one in ten is suspended, one in
// five has a policy.
func cluster(releases int) *pin.Snapshot {
	now := time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)
	s := &pin.Snapshot{Taken: now, Since: now.Add(-time.Hour)}
	for i := range releases {
		name := object.Name{Namespace: fmt.Sprint("team-", i%(releases/50)), Name: fmt.Sprint("app-", i)}
		if i%10 == 0 {
			s.Releases = append(s.Releases, suspendedOne(name))
		}
		if i%5 == 0 {
			s.Policies = append(s.Policies, link.Policy{
				Name: name, Repository: name, LatestImage: imageOf(name), LatestTag: "staging",
			})
			s.Repositories = append(s.Repositories, link.Repository{Name: name, Image: imageOf(name)})
		}
	}
	return s
}

func imageOf(release object.Name) string { return "registry.example/team/" + release.Name }

// suspendedOne is a release that is suspended.
func suspendedOne(name object.Name) pin.Release {
	in := imagesIn(map[string]any{"image": map[string]any{"repository": imageOf(name), "tag": "staging"}})
	in.ReleaseName, in.Chart = name.Name, "app"
	return pin.Release{ID: id(name.Namespace, name.Name), Suspended: true, TargetNamespace: name.Namespace, Inputs: in}
}

// A pass from the snapshot to the text of the list: by one who has planned before, when
// one release has come in another's place since, beside one who has not.
func BenchmarkPass(b *testing.B) {
	for _, releases := range []int{1_000, 10_000, 50_000} {
		s := cluster(releases)
		s.Memory = pin.MemoryOf(pin.Plan(s, pin.Options{Grace: time.Hour}))
		planner := pin.NewPlanner(pin.Options{Grace: time.Hour})
		planner.Plan(s)
		b.Run(fmt.Sprintf("%d/one changed", releases), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				r := &s.Releases[i%len(s.Releases)]
				*r = suspendedOne(object.Name{Namespace: r.Namespace, Name: fmt.Sprint("other-", i)})
				pass(b, planner, s)
			}
		})
		b.Run(fmt.Sprintf("%d/whole", releases), func(b *testing.B) {
			for b.Loop() {
				pass(b, pin.NewPlanner(pin.Options{Grace: time.Hour}), s)
			}
		})
	}
}

func pass(b *testing.B, planner *pin.Planner, s *pin.Snapshot) {
	b.Helper()
	pin.Require(s.Memory, s.Taken, s.Since, pin.Options{Grace: time.Hour})
	report := planner.Plan(s)
	pin.Changes(s.Memory.Pins, report.Pins)
	if _, err := pinlist.Encode("pins", report.Pins, pinlist.Stamp{}, layout()); err != nil {
		b.Fatal(err)
	}
	s.Memory = pin.MemoryOf(report)
}

// The report is encoded some seconds after the list.
func BenchmarkReport(b *testing.B) {
	for _, releases := range []int{1_000, 10_000, 50_000} {
		report := pin.Plan(cluster(releases), pin.Options{})
		b.Run(fmt.Sprint(releases), func(b *testing.B) {
			for b.Loop() {
				if _, err := pinlist.EncodeReport("pins", report, layout()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
