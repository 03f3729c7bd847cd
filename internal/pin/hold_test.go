package pin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// story is a cluster whose list is made again and again, each time from what the one before
// says in its objects.
type story struct {
	t          *testing.T
	options    pin.Options
	now        time.Time
	continuity pin.Continuity
	pods       pin.PodImages
	kept       published

	releases     []pin.Release
	policies     []link.Policy
	repositories []link.Repository
	readsFail    bool
	// behind is set if releases cannot be confirmed.
	behind bool
}

func newStory(t *testing.T, releases ...pin.Release) *story {
	t.Helper()
	s := &story{
		t: t, options: pin.Options{Grace: time.Hour}, releases: releases, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	s.kept.writeList(t, pin.NewReport(), "1")
	s.kept.writeReport(t, pin.NewReport())
	return s
}

// set sets what the values of the story's first release name.
func (s *story) set(ref string) { s.releases[0].Inputs = imagesIn(map[string]any{"image": ref}) }

// expect makes the list, and expects these pins in it.
func (s *story) expect(want string, pods ...pin.Pod) {
	s.t.Helper()
	if got := strings.Join(strings.Fields(lines(s.pass(time.Minute, pods...))), " "); got != want {
		s.t.Fatalf("%s: got %s, want %s", s.now, got, want)
	}
}

// expectFor makes the list every minute for some time, and expects the same pins in it.
func (s *story) expectFor(duration time.Duration, want string, pods ...pin.Pod) {
	s.t.Helper()
	for range int(duration / time.Minute) {
		s.expect(want, pods...)
	}
}

// require returns what is to be known for a plan that is made now.
func (s *story) require(since time.Time) *pin.Requirements {
	return pin.Require(s.kept.load(s.options.Registries), s.now, since, s.options)
}

// pass makes the list, some time after the one before.
func (s *story) pass(after time.Duration, pods ...pin.Pod) *v1alpha1.PinReport {
	s.t.Helper()
	s.now = s.now.Add(after)
	snapshot := &pin.Snapshot{
		Memory: s.kept.load(s.options.Registries), Taken: s.now, Since: s.continuity.Observe(s.now, after),
		Policies: s.policies, Repositories: s.repositories,
		Releases: slices.Clone(s.releases), Confirmed: map[object.ID]bool{},
	}
	requirements := s.require(snapshot.Since)
	snapshot.AllReleases = requirements.AllReleases
	for i := range snapshot.Releases {
		if r := &snapshot.Releases[i]; !r.Suspended && !requirements.Wants(r.ID) {
			r.Images = nil
		}
	}
	for _, release := range requirements.ToConfirm {
		snapshot.Confirmed[release] = !s.behind
	}
	namespaces := requirements.Namespaces(s.releases)
	for _, namespace := range namespaces {
		s.pods.Read(namespace, s.now, pods, nil)
	}
	snapshot.Pods = s.pods.Views(namespaces)
	if s.readsFail {
		snapshot.FailedReads = []v1alpha1.Problem{{Reason: v1alpha1.ReasonReadFailed}}
		s.continuity.Interrupt()
	}
	report := pin.Plan(snapshot, s.options)
	s.kept.writeList(s.t, report, s.now.String())
	s.kept.writeReport(s.t, report)
	return report
}

// watch makes the list every minute for some time, and expects the pin to be held
// all the while for the same reason, which has this in it.
func (s *story) watch(duration time.Duration, because string, pods ...pin.Pod) {
	s.t.Helper()
	for range int(duration / time.Minute) {
		report := s.pass(time.Minute, pods...)
		if len(report.Pins) == 0 || report.Pins[0].State != v1alpha1.PinHeld || !strings.Contains(*report.Pins[0].HeldBecause, because) {
			s.t.Fatalf("%s: want a held pin because of %q, got %s", s.now, because, tell(report))
		}
	}
}

// gone expects the next pass to let the pin go.
func (s *story) gone(pods ...pin.Pod) {
	s.t.Helper()
	if report := s.pass(time.Minute, pods...); len(report.Pins) > 0 {
		s.t.Fatalf("%s: want no pin, got %s", s.now, tell(report))
	}
}

// tell prints a report's pins.
func tell(report *v1alpha1.PinReport) string {
	var lines []string
	for i := range report.Pins {
		p := &report.Pins[i]
		line := fmt.Sprintf("%s %s by %v", p.Pin, p.State, p.NeededBy)
		for _, h := range p.HeldFor {
			line += " for " + h.Owner
		}
		if p.HeldBecause != nil {
			line += fmt.Sprintf(" since %s because %s", *p.HeldSince, *p.HeldBecause)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// running is a pod with the image of the release web.
func running(uid string) pin.Pod {
	return pin.Pod{UID: uid, Images: []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "o/web"}, Tag: "V1"}}}
}

// suspendedStory is a story in which the release web, of the image g.io/o/web:V1, was
// suspended.
func suspendedStory(t *testing.T) *story {
	t.Helper()
	web := suspended("web", "g.io/o/web:V1")
	web.TargetNamespace = "apps"
	s := newStory(t, web)
	if got, want := tell(s.pass(time.Minute)), "container/web==V1 Needed by [HelmRelease/apps/web]\ncontainer/web==v1 Needed by [HelmRelease/apps/web]"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	return s
}

// resumedStory is a story in which the release web was resumed and is ready.
func resumedStory(t *testing.T) *story {
	t.Helper()
	s := suspendedStory(t)
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	return s
}

const safe = "no release needs it; removed at "

func TestPinGoesOnceItsReleaseHasBeenLiveForTheGrace(t *testing.T) {
	s := suspendedStory(t)
	s.releases[0].Suspended = false
	s.watch(2*time.Hour, "HelmRelease/apps/web is not Ready at its current generation")
	s.releases[0].Ready = true
	s.watch(1*time.Minute, "no pod in apps runs it for HelmRelease/apps/web") // it is seen at once: the pin was held before
	s.watch(2*time.Hour, "no pod in apps runs it for HelmRelease/apps/web", pin.Pod{UID: "other", Images: []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "o/web"}, Tag: "V2"}}})
	s.watch(time.Hour, safe, running("a"))
	s.gone(running("a"))
}

// What a held pin says stays as it is while nothing changes: equal lists are not
// written.
func TestHeldPinIsStable(t *testing.T) {
	s := resumedStory(t)
	s.pass(time.Minute, running("a"))
	before := jsonOf(t, s.pass(time.Minute, running("a")))
	for range 50 {
		if now := jsonOf(t, s.pass(time.Minute+time.Millisecond, running("a"))); now != before {
			t.Fatalf("got %s, before it was %s", now, before)
		}
	}
}

// The report says who a pin is held for, since when, and which of its releases are
// on their way up.
func TestHeldPinInTheReport(t *testing.T) {
	s := resumedStory(t)
	got := tell(s.pass(time.Minute))
	want := "container/web==V1 Held by [] for HelmRelease/apps/web since 2026-01-01T00:02:00Z because the pods of HelmRelease/apps/web were not read yet\n" +
		strings.Replace("container/web==v1 Held by [] for HelmRelease/apps/web since 2026-01-01T00:02:00Z because the pods of HelmRelease/apps/web were not read yet", "V1", "v1", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	report := s.pass(time.Minute)
	if len(report.Releases) != 1 || report.Releases[0].State != v1alpha1.ReleaseResuming ||
		!slices.Equal(report.Releases[0].Pins, []string{"container/web==V1", "container/web==v1"}) {
		t.Errorf("got %+v", report.Releases)
	}
}

// Each of these starts the hour again, however late it comes.
func TestInterruptions(t *testing.T) {
	tests := map[string]struct {
		change, back func(*story)
		because      string
		pods         []pin.Pod
	}{
		"the pod vanishes":           {because: "no pod in apps runs it"},
		"the release is not ready":   {change: func(s *story) { s.releases[0].Ready = false }, back: func(s *story) { s.releases[0].Ready = true }, because: "not Ready", pods: []pin.Pod{running("a")}},
		"a read gets no answer":      {change: func(s *story) { s.readsFail = true }, back: func(s *story) { s.readsFail = false }, because: "could not be read completely", pods: []pin.Pod{running("a")}},
		"another pod has taken over": {because: safe, pods: []pin.Pod{running("b")}},
		"pinsync is started again":   {change: func(s *story) { s.continuity, s.pods = pin.Continuity{}, pin.PodImages{} }, because: safe, pods: []pin.Pod{running("a")}},
		"pinsync was not running":    {change: func(s *story) { s.continuity, s.pods = pin.Continuity{}, pin.PodImages{}; s.now = s.now.Add(time.Hour) }, because: safe, pods: []pin.Pod{running("a")}},
		"pinsync was stopped": {change: func(s *story) {
			s.continuity.Observe(s.now.Add(3*time.Hour), 3*time.Hour)
			s.now = s.now.Add(3 * time.Hour)
		}, because: safe, pods: []pin.Pod{running("a")}},
		"the clock is set forward":    {change: func(s *story) { s.now = s.now.Add(5 * time.Hour) }, because: safe, pods: []pin.Pod{running("a")}},
		"the clock is set back":       {change: func(s *story) { s.now = s.now.Add(-5 * time.Hour) }, because: safe, pods: []pin.Pod{running("a")}},
		"the report cannot be read":   {change: func(s *story) { s.kept.report[0].Data[v1alpha1.ReportKey] = "{" }, because: "", pods: []pin.Pod{running("a")}},
		"a line was added by hand":    {change: func(s *story) { s.kept.list[0].Data[v1alpha1.PinsKey] += "container/z==1\n" }, because: "", pods: []pin.Pod{running("a")}},
		"it was suspended in between": {change: func(s *story) { s.releases[0].Suspended = true; s.pass(time.Second); s.releases[0].Suspended = false }, because: "", pods: []pin.Pod{running("a")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := resumedStory(t)
			s.pass(time.Minute)
			s.watch(50*time.Minute, safe, running("a"))
			if test.change != nil {
				test.change(s)
			}
			s.watch(time.Minute, test.because, test.pods...)
			if test.back != nil {
				test.back(s)
			}
			uid := "a"
			if len(test.pods) > 0 {
				uid = test.pods[0].UID
			}
			s.watch(57*time.Minute, "", running(uid))
			s.pass(5*time.Second, running(uid))
			for range 10 {
				if len(s.pass(time.Minute, running(uid)).Pins) == 0 {
					return
				}
			}
			t.Error("it is held for longer than the grace")
		})
	}
}

// A pin goes once its release is gone, disabled or refers to it no more, but not at
// once: it may come back.
func TestReleaseThatDoesWithout(t *testing.T) {
	off := v1alpha1.SyncDisabled
	for name, change := range map[string]func(*story){
		"deleted":   func(s *story) { s.releases = nil },
		"opted out": func(s *story) { s.releases[0].Sync = &off },
	} {
		t.Run(name, func(t *testing.T) {
			s := suspendedStory(t)
			change(s)
			s.watch(30*time.Minute, safe)
			s.releases = suspendedStory(t).releases // it is back
			if got := s.pass(time.Minute).Pins[0].State; got != v1alpha1.PinNeeded {
				t.Fatalf("it is back, and the pin is %s", got)
			}
			change(s)
			s.watch(time.Hour, safe)
			s.gone()
		})
	}
}

// All that had needed a pin must be live at the same time, whenever that was.
func TestPinOfSeveralReleases(t *testing.T) {
	other := suspended("other", "g.io/o/web:V1")
	other.TargetNamespace = "apps"
	s := suspendedStory(t)
	s.releases = append(s.releases, other)
	s.pass(time.Minute)
	s.releases[0].Suspended = false
	for range 200 {
		if got := tell(s.pass(time.Minute)); !strings.HasPrefix(got, "container/web==V1 Needed by [HelmRelease/apps/other] for HelmRelease/apps/web") {
			t.Fatal(got)
		}
	}
	s.releases[1].Suspended, s.releases[1].Ready = false, true
	s.watch(2*time.Hour, "HelmRelease/apps/web is not Ready", running("a"))
	s.releases[0].Ready = true
	s.watch(time.Hour, safe, running("a"))
	s.gone(running("a"))
}

// A release that does without a pin that another needs is forgotten, so that those
// who came and went do not add up for ever.
func TestNeededPinForgetsWhoDoesWithout(t *testing.T) {
	other := suspended("other", "g.io/o/web:V1")
	s := suspendedStory(t)
	s.releases = append(s.releases, other)
	s.pass(time.Minute)
	s.releases = s.releases[:1]
	for range 60 {
		if got := tell(s.pass(time.Minute)); !strings.HasPrefix(got, "container/web==V1 Needed by [HelmRelease/apps/web] for HelmRelease/apps/other") {
			t.Fatal(got)
		}
	}
	if got := tell(s.pass(time.Minute)); !strings.HasPrefix(got, "container/web==V1 Needed by [HelmRelease/apps/web]\n") {
		t.Fatal(got)
	}
}

func TestReadyIsProofWithoutPods(t *testing.T) {
	s := resumedStory(t)
	s.options.ReadyIsProof = true
	s.releases[0].RemoteCluster = true
	s.watch(time.Hour, safe)
	s.pass(0)
	s.gone()
}

func TestReleaseOfAnotherClusterKeepsItsPins(t *testing.T) {
	s := resumedStory(t)
	s.releases[0].RemoteCluster = true
	s.watch(5*time.Hour, "HelmRelease/apps/web runs on another cluster", running("a"))
	report := s.pass(time.Minute, running("a"))
	if got := report.Releases[0].Problems; len(got) != 1 || got[0].Reason != v1alpha1.ReasonRemoteCluster {
		t.Errorf("the report says %+v", got)
	}
	s.releases = nil
	s.watch(time.Hour, safe)
	s.gone()
}

// What the cache says of a release does not let a pin go that the API server was not
// asked about.
func TestNothingGoesUnconfirmed(t *testing.T) {
	s := resumedStory(t)
	s.pass(time.Minute)
	s.behind = true
	s.watch(3*time.Hour, safe, running("a"))
	s.behind = false
	s.gone(running("a"))
}

// Where the owners of a pin are not known, every release that refers to it has to be live,
// those that were never suspended as far as is known, too.
func TestUnknownOwners(t *testing.T) {
	live := suspended("live", "g.io/o/web:v1")
	live.Suspended, live.TargetNamespace = false, "live"
	broken := handWritten()
	broken.report = []pinlist.Object{{Name: "pins-report", Data: map[string]string{
		v1alpha1.ReportKey: `{"pins":[{"pin":"container/web==v1","image":"g.io/o/web:v1"}`,
	}}}
	for name, kept := range map[string]published{"no report": handWritten(), "broken report": broken} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, live)
			s.kept = kept
			s.watch(2*time.Hour, "HelmRelease/apps/live is not Ready")
			s.releases[0].Ready = true
			v1 := pin.Pod{UID: "a", Images: []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "o/web"}, Tag: "v1"}}}
			s.watch(time.Hour, safe, v1)
			s.gone(v1)
		})
	}
	t.Run("nobody refers to it", func(t *testing.T) {
		s := newStory(t)
		s.kept = handWritten()
		s.watch(time.Hour, safe)
		s.gone()
	})
	t.Run("a disabled release refers to it", func(t *testing.T) {
		off := v1alpha1.SyncDisabled
		s := newStory(t, live)
		s.releases[0].Sync = &off
		s.kept = handWritten()
		s.watch(30*time.Minute, safe)
		s.releases[0].Sync = nil
		s.watch(2*time.Hour, "HelmRelease/apps/live is not Ready")
	})
	t.Run("a chart that was not read may name it", func(t *testing.T) {
		chart := suspended("chart", "")
		chart.Inputs, chart.ChartUnread, chart.TargetNamespace = imagesIn(map[string]any{}), true, "live"
		s := newStory(t, chart)
		s.kept = handWritten()
		s.watch(2*time.Hour, "the images of HelmRelease/apps/chart are not known")
		s.releases[0].Suspended = false
		s.watch(2*time.Hour, "the images of HelmRelease/apps/chart are not known")
		s.releases[0].Ready = true
		s.watch(time.Hour, safe)
		s.gone()
	})
	t.Run("a chart that was read does not name it", func(t *testing.T) {
		chart := suspended("chart", "")
		chart.Inputs, chart.ChartUnread = imagesIn(map[string]any{}), true
		s := newStory(t, chart)
		s.kept = handWritten()
		s.watch(2*time.Hour, "the images of HelmRelease/apps/chart are not known")
		s.releases[0].ChartUnread, s.releases[0].ChartStale = false, true
		s.watch(2*time.Hour, "the images of HelmRelease/apps/chart are not known")
		s.releases[0].ChartStale = false
		s.watch(time.Hour, safe)
		s.gone()
	})
	t.Run("no list at all", func(t *testing.T) {
		s := newStory(t, suspended("web", "g.io/o/web:v1"), live)
		s.kept = published{}
		if got, want := tell(s.pass(time.Minute)), "container/web==v1 Needed by [HelmRelease/apps/web]"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		s.releases = s.releases[1:]
		s.watch(time.Hour, safe) // nothing was ever listed for another release
		s.gone()
	})
	t.Run("an incomplete view tells nothing", func(t *testing.T) {
		s := newStory(t, live)
		s.kept = handWritten()
		s.readsFail = true
		s.watch(2*time.Hour, "could not be read completely")
		s.readsFail = false
		s.watch(2*time.Hour, "HelmRelease/apps/live is not Ready")
	})
}

// An incomplete view adds, and lets nothing go.
func TestIncompleteViewKeepsThePreviousList(t *testing.T) {
	s := newStory(t, suspended("gone", "g.io/o/gone:1"), suspended("kept", "g.io/o/kept:1"))
	s.pass(time.Minute)
	s.releases = []pin.Release{suspended("kept", "g.io/o/kept:1"), suspended("new", "g.io/o/new:1")}
	s.readsFail = true
	for range 200 {
		got := tell(s.pass(time.Minute))
		want := "container/gone==1 Held by [] for HelmRelease/apps/gone since 2026-01-01T00:02:00Z because the cluster could not be read completely\n" +
			"container/kept==1 Needed by [HelmRelease/apps/kept]\ncontainer/new==1 Needed by [HelmRelease/apps/new]"
		if got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// A pin that the configuration comes to call otherwise is held by both names.
func TestRenamedPin(t *testing.T) {
	s := resumedStory(t)
	s.pass(time.Minute)
	s.options.Registries = []pin.Registry{{Host: "g.io", Type: "oci"}}
	for range 200 {
		if got, want := lines(s.pass(time.Minute)), "container/web==V1\ncontainer/web==v1\noci/web==V1\noci/web==v1\n"; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	s.watch(time.Hour, safe, running("a"))
	s.gone(running("a"))
}

// A pin that the configuration comes to call as it did before is held for all that have
// needed the image meanwhile, by its other name.
func TestPinIsRenamedBack(t *testing.T) {
	s := suspendedStory(t)
	s.options.Registries = []pin.Registry{{Host: "g.io", Type: "oci"}}
	s.pass(time.Minute)
	other := suspended("other", "g.io/o/web:V1")
	other.TargetNamespace = "nowhere"
	s.releases = append(s.releases, other)
	s.pass(time.Minute)
	s.releases[1].Suspended = false // and not ready yet
	s.pass(time.Minute)
	s.options.Registries = nil
	s.pass(time.Minute)
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	for range 200 {
		if got := lines(s.pass(time.Minute, running("a"))); !strings.Contains(got, "container/web==V1\n") {
			t.Fatalf("%s: the other release is not live, got %q", s.now, got)
		}
	}
}

// Where a pin is found in more places than are told, the list is the same again and again.
func TestManyPlacesAreStable(t *testing.T) {
	s := newStory(t)
	for i := range 30 {
		r := suspended(fmt.Sprint("r", i), "g.io/o/web:1")
		r.Images.Mentions[0].Path = fmt.Sprint("spec.values.a", i)
		s.releases = append(s.releases, r)
	}
	s.pass(time.Minute)
	s.releases[0].Images = &pin.ReleaseImages{Unknown: true}
	s.pass(time.Minute)
	stable := func() {
		t.Helper()
		before := jsonOf(t, s.pass(time.Minute))
		for range 10 {
			if now := jsonOf(t, s.pass(time.Minute)); now != before {
				t.Fatalf("it was %s, and is %s", before, now)
			}
		}
	}
	stable()
	for i := range s.releases {
		s.releases[i].Suspended = false
	}
	s.pass(time.Minute)
	stable()
}

// However many pins may go at once, no plan waits for very many requests, and all go.
func TestFewAreConfirmedAtOnce(t *testing.T) {
	s := newStory(t)
	for i := range 450 {
		s.releases = append(s.releases, suspended(fmt.Sprint("r", i), fmt.Sprintf("g.io/o/web:%d", i)))
	}
	s.pass(time.Minute)
	s.releases = nil
	for range 61 {
		s.pass(time.Minute)
	}
	at := []int{}
	for range 6 {
		q := s.require(s.now.Add(-2 * time.Hour))
		if len(q.ToConfirm) > pin.ConfirmAtOnce {
			t.Errorf("%d are to be confirmed", len(q.ToConfirm))
		}
		at = append(at, len(s.pass(time.Minute).Pins))
	}
	if at[len(at)-1] != 0 {
		t.Errorf("the list shrinks to %v", at)
	}
}
