package pin_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// A release of which nothing could be pinned while it was suspended has what it refers to once it is resumed, until
// it is Ready and, as it has pins then, proven live on them.
func TestResumedWithoutPins(t *testing.T) {
	for name, inputs := range map[string]pin.Inputs{
		"values that are not there": {Images: &pin.ReleaseImages{Unknown: true}},
		"no image":                  imagesIn(map[string]any{"replicas": 1}),
	} {
		t.Run(name, func(t *testing.T) {
			release := suspended("app", "x")
			release.TargetNamespace, release.Inputs = "apps", inputs
			s := newStory(t, release)
			s.expect("")
			s.releases[0].Suspended = false
			s.expectFor(10*time.Minute, "")
			s.set("g.io/o/app:v1")
			s.expectFor(3*time.Hour, "container/app==v1")
			s.releases[0].Ready = true
			s.expectFor(3*time.Hour, "container/app==v1")
			s.expectFor(time.Hour-time.Minute, "container/app==v1", ownPod(app("v1")))
			s.pass(2*time.Minute, ownPod(app("v1")))
			s.expect("", ownPod(app("v1")))
			s.set("g.io/o/app:v2") // it is like one that was never suspended
			s.expect("", ownPod(app("v1")))
		})
	}
}

// One that is Ready before anything is known of it is live on whatever that is.
func TestReadyWithoutPins(t *testing.T) {
	release := suspended("app", "x")
	release.TargetNamespace, release.Inputs = "apps", imagesIn(map[string]any{"replicas": 1})
	s := newStory(t, release)
	s.expect("")
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	s.expect("")
	s.set("g.io/o/app:v1")
	s.expect("")
}

// One line can stand for two images: a release that is live on the first is not on the second.
func TestLiveOnOneOfTwoImages(t *testing.T) {
	images := func(refs ...string) pin.Inputs {
		values := map[string]any{}
		for i, ref := range refs {
			values[string(rune('a'+i))] = map[string]any{"image": ref}
		}
		return imagesIn(values)
	}
	release := suspended("app", "x")
	release.TargetNamespace, release.Inputs = "apps", images("g.io/o/app:v1", "g.io/o/never:v1")
	s := newStory(t, release)
	s.expect("container/app==v1 container/never==v1")
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	for range 70 {
		s.pass(time.Minute, ownPod(app("v1")))
	}
	s.expect("container/never==v1", ownPod(app("v1")))
	s.releases[0].Inputs = images("g.io/o/app:v1", "g.io/o/never:v1", "h.io/o/app:v1")
	report := s.pass(time.Minute, ownPod(app("v1")))
	if !slices.ContainsFunc(report.Pins, func(p v1alpha1.Pin) bool { return p.Image == "h.io/o/app:v1" }) {
		t.Errorf("got %s", tell(report))
	}
}

// Pins of unknown owners are not removed before all releases are read, however many others are to be confirmed first.
func TestUnknownOwnersAreConfirmed(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := now.Add(-2 * time.Hour).Format(time.RFC3339)
	var m pin.Memory
	add := func(name, owner string) {
		m.Pins = append(m.Pins, v1alpha1.Pin{
			Pin: "container/" + name + "==v1", Image: "g.io/o/" + name + ":v1", State: v1alpha1.PinHeld, HeldSince: &at,
			HeldFor: []v1alpha1.Hold{{Owner: owner, SafeSince: &at}},
		})
	}
	for i := range 150 {
		add(fmt.Sprintf("a%03d", i), fmt.Sprintf("HelmRelease/apps/r%03d", i))
	}
	add("z", v1alpha1.OtherOwners)
	q := pin.Require(m, now, now.Add(-3*time.Hour), pin.Options{Grace: time.Hour})
	if !q.ConfirmAll || !q.More || len(q.ToConfirm) != 100 {
		t.Errorf("all are read: %v, more: %v, %d are confirmed by name", q.ConfirmAll, q.More, len(q.ToConfirm))
	}
}

// A release that is live keeps the pin of its chart while it cannot be read which one that is.
func TestChartThatIsNotKnown(t *testing.T) {
	release := suspended("app", "g.io/o/app:v1")
	release.TargetNamespace, release.HasRun = "apps", true
	release.ChartRef = image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/chart"}, Tag: "1.0.0"}
	s := newStory(t, release)
	s.expect("container/app==v1 container/chart==1.0.0")
	s.releases[0].ChartRef, s.releases[0].ChartRefUnknown = image.Reference{}, true
	s.expectFor(3*time.Minute, "container/app==v1 container/chart==1.0.0")
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	for range 62 {
		s.pass(time.Minute, ownPod(app("v1")))
	}
	s.expectFor(3*time.Hour, "container/chart==1.0.0", ownPod(app("v1")))
	s.releases[0].ChartRefUnknown = false
	s.expectFor(time.Hour-time.Minute, "container/chart==1.0.0", ownPod(app("v1")))
	s.pass(2*time.Minute, ownPod(app("v1")))
	s.expect("", ownPod(app("v1")))
}

// That a release without pins is being resumed is known, too, if that could not be written.
func TestUnwrittenResume(t *testing.T) {
	release := suspended("app", "x")
	release.TargetNamespace, release.Inputs = "apps", pin.Inputs{Images: &pin.ReleaseImages{Unknown: true}}
	s := newStory(t, release)
	s.expect("")
	memory := s.kept.load(nil)
	release.Suspended = false
	plan := func(m pin.Memory) *v1alpha1.PinReport {
		return pin.Plan(&pin.Snapshot{Memory: m, Releases: []pin.Release{release}, Taken: s.now, Since: s.now}, s.options)
	}
	memory = memory.AddUnwritten(plan(memory))
	if !pin.Require(memory, s.now, s.now, s.options).Wants(release.ID) {
		t.Error("the release is not looked at any more")
	}
	release.Inputs = imagesIn(map[string]any{"image": "g.io/o/app:v1"})
	if got := lines(plan(memory)); got != "container/app==v1\n" {
		t.Errorf("got %q", got)
	}
}

// With releases: All, a release that is not Ready has one entry, of its state.
func TestLiveReleaseIsNotResuming(t *testing.T) {
	release := suspended("app", "x")
	release.Inputs = imagesIn(map[string]any{"replicas": 1})
	s := newStory(t, release)
	s.options.ProtectLive = true
	s.expect("")
	s.releases[0].Suspended = false
	s.set("g.io/o/app:v1")
	s.expect("container/app==v1")
	if report := s.pass(time.Minute); len(report.Releases) != 1 || report.Releases[0].State != v1alpha1.ReleaseLive {
		t.Errorf("got %+v", report.Releases)
	}
}
