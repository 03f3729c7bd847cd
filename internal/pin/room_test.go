package pin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// tagged are values with so many tags of an image.
func tagged(prefix string, n int) pin.Inputs {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"image": fmt.Sprintf("g.io/o/app:%s%d", prefix, i)}
	}
	return imagesIn(map[string]any{"list": list})
}

// A release with more images than the budget allows keeps the pins that it had, and has one
// problem; another release is not concerned.
func TestTooManyImages(t *testing.T) {
	s := sleepingStory(t, false)
	s.releases = append(s.releases, suspended("other", "g.io/o/other:v1"))
	s.releases[0].Inputs = tagged("a", budget.Mentions+1)
	for range 2 {
		report := s.pass(time.Minute)
		if got := lines(report); got != "container/app==v1\ncontainer/other==v1\n" {
			t.Fatalf("got %q", got)
		}
		if problems := report.Releases[0].Problems; len(problems) != 1 || problems[0].Reason != v1alpha1.ReasonOverBudget {
			t.Errorf("got %+v", problems)
		}
	}
}

// A release whose tags are others all the time has no more pins than the budget allows: those that
// are held for it stay for their grace, and new ones have room after that.
func TestTagsAnewAllTheTime(t *testing.T) {
	s := sleepingStory(t, false)
	count := func(report *v1alpha1.PinReport, part string) int { return strings.Count(lines(report), part) }
	s.options.Grace = 3 * time.Minute
	const atOnce = budget.Pins * 2 / 5
	for _, prefix := range []string{"a", "b"} {
		s.releases[0].Inputs = tagged(prefix, atOnce)
		s.pass(time.Minute)
	}
	s.releases[0].Inputs = tagged("c", atOnce)
	report := s.pass(time.Minute)
	if a, b, c := count(report, "==a"), count(report, "==b"), count(report, "==c"); a != atOnce || b != atOnce || a+b+c+1 != budget.Pins {
		t.Errorf("%d, %d and %d are listed", a, b, c)
	}
	if !hasProblem(report, v1alpha1.ReasonOverBudget) {
		t.Error("there is no problem")
	}
	for range 5 {
		report = s.pass(time.Minute)
	}
	if c := count(report, "==c"); c != atOnce || count(report, "==") != atOnce || hasProblem(report, v1alpha1.ReasonOverBudget) {
		t.Errorf("%d are listed, %d of them now", count(report, "=="), c)
	}
}

func TestCutBack(t *testing.T) {
	var pins []v1alpha1.Pin
	for i := range budget.Pins + 5 {
		pins = append(pins, v1alpha1.Pin{Pin: fmt.Sprint(i), NeededBy: []string{"HelmRelease/a/many"}})
	}
	pins[budget.Pins+1].HeldFor = []v1alpha1.Hold{{Owner: "HelmRelease/a/few"}}
	pins[budget.Pins+2].HeldFor = []v1alpha1.Hold{{Owner: v1alpha1.OtherOwners}}
	pins[budget.Pins+3].NeededBy = nil
	if got := len(pin.CutBack(pins)); got != budget.Pins+3 {
		t.Errorf("%d are left", got)
	}
}

// A resumed release whose tags are others all the time is not protected without end either, and it
// is said.
func TestResumingReleaseWithoutRoom(t *testing.T) {
	s := resumedStory(t)
	s.releases[0].Inputs = tagged("a", budget.Pins)
	report := s.pass(time.Minute)
	if got := strings.Count(lines(report), "\n"); got > budget.Pins+1 || !hasProblem(report, v1alpha1.ReasonOverBudget) {
		t.Errorf("%d pins, with the problems %+v", got, report.Releases[0].Problems)
	}
}

// A release that has more than half of the pins that it may have gets one more.
func TestOneMoreImage(t *testing.T) {
	const some = budget.Pins * 6 / 10
	s := sleepingStory(t, false)
	s.releases[0].Inputs = tagged("a", some)
	s.pass(time.Minute)
	s.releases[0].Inputs = tagged("a", some+1)
	report := s.pass(time.Minute)
	if got := strings.Count(lines(report), "==a"); got != some+1 {
		t.Errorf("%d of %d are listed, with the problems %v", got, some+1, report.Releases[0].Problems)
	}
}

// Once what was held for a release is gone, it has room, though another release still needs it and the list does not
// get shorter. A planner that knows the passes before finds that, too.
func TestRoomBesideAnotherRelease(t *testing.T) {
	for _, keepsPlanner := range []bool{true, false} {
		const half = budget.Pins * 3 / 10
		o := pin.Options{Grace: time.Minute}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		since, planner := now, pin.NewPlanner(o)
		changing, other := suspended("changing", "x"), suspended("other", "x")
		changing.Inputs = images(append(tags("v1", 0, half), tags("v2", 0, half)...))
		other.Inputs = changing.Inputs
		var m pin.Memory
		unfinished, needed := false, 0
		for pass := range 6 {
			if pass == 1 {
				changing.Inputs = images(tags("v3", 0, 2*half))
			}
			if !keepsPlanner {
				planner = pin.NewPlanner(o)
			}
			now = now.Add(30 * time.Second)
			report := planner.Plan(&pin.Snapshot{
				Memory: m, Releases: []pin.Release{changing, other}, Taken: now, Since: since,
				Confirmed: map[object.ID]bool{changing.ID: true, other.ID: true},
			})
			before := needed
			needed = strings.Count(lines(report), "==v3")
			if needed == 2*half && before < needed && before > 0 && !unfinished {
				t.Error("no pass is made at once for the room")
			}
			unfinished = pin.IsUnfinished(m, report)
			m = pin.MemoryOf(report)
		}
		if needed != 2*half {
			t.Errorf("keeps its planner %v: %d of %d are pinned", keepsPlanner, needed, 2*half)
		}
	}
}

// tags are those images of a row of images with a tag.
func tags(tag string, from, to int) []any {
	var list []any
	for i := from; i < to; i++ {
		list = append(list, map[string]any{"image": fmt.Sprintf("g.io/o/app%d:%s", i, tag)})
	}
	return list
}

func images(list []any) pin.Inputs { return imagesIn(map[string]any{"list": list}) }
