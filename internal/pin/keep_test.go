package pin_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

func app(tag string) image.Reference {
	return image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/app"}, Tag: tag}
}

// ownPod is a pod of the release apps/app.
func ownPod(refs ...image.Reference) pin.Pod {
	return pin.Pod{UID: refs[0].String(), Release: object.Name{Namespace: "apps", Name: "app"}, Images: refs}
}

// sleepingStory is a story in which the release app, with the tag v1, is suspended; it ran before
// if hasRun is set.
func sleepingStory(t *testing.T, hasRun bool) *story {
	t.Helper()
	release := suspended("app", app("v1").String())
	release.TargetNamespace, release.HasRun = "apps", hasRun
	s := newStory(t, release)
	s.expect("container/app==v1")
	return s
}

// A tag that a suspended release referred to for a time only is removed after the grace.
func TestTagPassedThrough(t *testing.T) {
	s := sleepingStory(t, false)
	s.set("g.io/o/app:v2")
	s.expectFor(time.Hour, "container/app==v1 container/app==v2")
	s.pass(time.Minute)
	s.expectFor(time.Hour, "container/app==v2")
}

// The tag that a release had when it was suspended stays, whatever its values name later, until
// pods run another.
func TestTagThatRan(t *testing.T) {
	s := sleepingStory(t, true)
	s.set("g.io/o/app:v2")
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2")
	s.set("g.io/o/app:v3")
	s.expectFor(time.Hour, "container/app==v1 container/app==v2 container/app==v3")
	s.pass(time.Minute)
	s.expect("container/app==v1 container/app==v3")
	s.releases[0].Suspended = false
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v3")
	s.releases[0].Ready = true
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v3")
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v3", ownPod(app("v1")))
	s.expectFor(time.Hour, "container/app==v1 container/app==v3", ownPod(app("v3")))
	s.pass(time.Minute, ownPod(app("v3")))
	s.expect("", ownPod(app("v3")))
}

// What the workloads name stays, too. As long as they were not read, nothing is removed.
func TestWorkloadsShowWhatRan(t *testing.T) {
	s := sleepingStory(t, false)
	s.releases[0].WorkloadsUnread = true
	s.set("g.io/o/app:v2")
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2")
	s.releases[0].WorkloadsUnread = false
	s.releases[0].Workloads = &pin.WorkloadImages{Images: []image.Reference{app("v0"), app("UP")}}
	s.expectFor(time.Hour, "container/app==UP container/app==up container/app==v0 container/app==v1 container/app==v2")
	s.pass(time.Minute)
	s.expectFor(3*time.Hour, "container/app==UP container/app==up container/app==v0 container/app==v2")
	report := s.pass(time.Minute)
	if got, want := report.Releases[0].Ran, []string{"container/app==UP", "container/app==up", "container/app==v0"}; !slices.Equal(got, want) {
		t.Errorf("ran are %v, want %v", got, want)
	}
	for i := range report.Pins {
		if p := &report.Pins[i]; p.Pin == "container/app==v0" && !slices.Equal(p.Via, []string{"run by a release when it was suspended"}) {
			t.Errorf("got %+v", p)
		}
	}
}

// Of workloads of which it is not known to which release they belong, the tags stay that are of an image
// of the release, whatever its values name later.
func TestUntracedWorkloads(t *testing.T) {
	s := sleepingStory(t, true)
	other := image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/other"}, Tag: "v1"}
	s.releases[0].Workloads = &pin.WorkloadImages{Untraced: map[string][]image.Reference{"g.io/o/app": {app("v0")}, "g.io/o/other": {other}}}
	s.set("g.io/o/app:v2")
	s.expectFor(3*time.Hour, "container/app==v0 container/app==v1 container/app==v2")
	s.releases[0].Workloads = &pin.WorkloadImages{}
	s.set("g.io/o/app:v3")
	s.expectFor(time.Hour, "container/app==v0 container/app==v1 container/app==v2 container/app==v3")
	s.pass(time.Minute)
	s.expectFor(3*time.Hour, "container/app==v0 container/app==v1 container/app==v3")
}

// Of more images than count that workloads name, it is a problem that the others are not pinned; those of
// no known release take nothing from the release's own.
func TestMoreWorkloadImagesThanCount(t *testing.T) {
	many := func(count int) []image.Reference {
		refs := make([]image.Reference, count)
		for i := range refs {
			refs[i] = app(fmt.Sprint("v", i))
		}
		return refs
	}
	for name, test := range map[string]struct {
		workloads pin.WorkloadImages
		pins      int
		isProblem bool
	}{
		"as many": {pin.WorkloadImages{Images: many(budget.WorkloadImages)}, budget.WorkloadImages, false},
		"more":    {pin.WorkloadImages{Images: many(budget.WorkloadImages + 1)}, budget.WorkloadImages, true},
		"untraced": {pin.WorkloadImages{
			Images: []image.Reference{app("own")}, Untraced: map[string][]image.Reference{"g.io/o/app": many(budget.UntracedImages + 1)},
		}, budget.UntracedImages + 1, true},
		"untraced of another image that are left out": {pin.WorkloadImages{IsCut: true}, 1, true},
		"untraced of another image":                   {pin.WorkloadImages{Untraced: map[string][]image.Reference{"g.io/o/other": many(budget.WorkloadImages + 1)}}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sleepingStory(t, true)
			s.releases[0].Workloads = &test.workloads
			report := s.pass(time.Minute)
			if len(report.Pins) != test.pins || hasProblem(report, v1alpha1.ReasonOverBudget) != test.isProblem {
				t.Errorf("%d pins, problems %v; want %d pins", len(report.Pins), report.Releases[0].Problems, test.pins)
			}
		})
	}
}

// That what a release ran is not known in full is its problem, as long as it is so, and a tag may be missing.
func TestRanUnknown(t *testing.T) {
	s := sleepingStory(t, true)
	for _, why := range []string{"", "too many", ""} {
		s.releases[0].RanUnknown = why
		report := s.pass(time.Minute)
		if hasProblem(report, v1alpha1.ReasonRanUnknown) != (why != "") || slices.ContainsFunc(report.Releases[0].Problems, pin.MayMissTag) != (why != "") {
			t.Errorf("%q: the problems are %v", why, report.Releases[0].Problems)
		}
	}
}

// A suspended release whose images name no tag any more keeps the last ones, and it is a problem.
func TestLastTagIsKept(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"no values": {}, "no tag": {"image": map[string]any{"repository": "g.io/o/app"}}, "another image": {"image": "g.io/o/other:v1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sleepingStory(t, false)
			s.releases[0].Inputs = imagesIn(values)
			for range 180 {
				report := s.pass(time.Minute)
				if report.Pins[0].Pin != "container/app==v1" || report.Pins[0].State != v1alpha1.PinNeeded {
					t.Fatalf("got %s", tell(report))
				}
				if !slices.ContainsFunc(report.Releases[0].Problems, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonLastTagKept }) {
					t.Fatalf("the problems are %+v", report.Releases[0].Problems)
				}
			}
			s.set("g.io/o/app:v2")
			s.expectFor(time.Hour, "container/app==v1 container/app==v2"+map[bool]string{true: " container/other==v1"}[name == "another image"])
		})
	}
}

// What a resumed release refers to is kept, and what it referred to before, until it is live.
func TestResumingReleaseMovesOn(t *testing.T) {
	s := sleepingStory(t, false)
	s.releases[0].Suspended = false
	s.set("g.io/o/app:v2")
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2")
	s.set("g.io/o/app:v3")
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2 container/app==v3")
	s.releases[0].Ready = true
	s.expectFor(time.Hour, "container/app==v1 container/app==v2 container/app==v3", ownPod(app("v3")))
	s.pass(time.Minute, ownPod(app("v3")))
	s.expect("", ownPod(app("v3")))
}

// Where it falls asleep again before it was live, all of that stays.
func TestSuspendedAgain(t *testing.T) {
	s := sleepingStory(t, false)
	s.releases[0].Suspended = false
	s.set("g.io/o/app:v2")
	s.expect("container/app==v1 container/app==v2")
	s.releases[0].Suspended, s.releases[0].HasRun = true, true
	s.expect("container/app==v1 container/app==v2")
	s.set("g.io/o/app:v3")
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2 container/app==v3")
}

// An image on which a resumed release is live is not kept again while another one of it is not.
func TestLiveOnOneOfTwo(t *testing.T) {
	release := suspended("app", "")
	release.Inputs = imagesIn(map[string]any{"image": "g.io/o/app:v1", "job": map[string]any{"image": "g.io/o/job:v1"}})
	release.TargetNamespace = "apps"
	s := newStory(t, release)
	s.expect("container/app==v1 container/job==v1")
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	s.expectFor(time.Hour, "container/app==v1 container/job==v1", ownPod(app("v1")))
	s.pass(time.Minute, ownPod(app("v1")))
	s.expectFor(3*time.Hour, "container/job==v1", ownPod(app("v1")))
	s.expectFor(time.Hour, "container/app==v1 container/job==v1") // until its pod is back
}

// A tag whose grace is over is not removed before the chart is rendered as it is now, which may name it
// again; the grace itself goes on meanwhile.
func TestStaleChartKeepsTags(t *testing.T) {
	s := sleepingStory(t, false)
	r := &s.releases[0]
	r.Inputs, r.Rendered = imagesIn(map[string]any{}), rendered("v1")
	s.pass(time.Minute)
	r.Rendered = rendered("v2")
	s.expectFor(time.Hour, "container/app==v1 container/app==v2")
	r.ChartStale = true
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2")
	r.Rendered, r.ChartStale = rendered("v3"), false
	s.pass(time.Minute)
	s.expect("container/app==v2 container/app==v3")
}

// What a release ran is not known before its images are: not while its values could not be read. A chart that
// could not be fetched when the release was suspended shows it later, when it is rendered for the first time.
func TestWhatRanIsNotKnownYet(t *testing.T) {
	for name, test := range map[string]struct {
		unread pin.Inputs
		inputs func(tag string) pin.Inputs
	}{
		"values": {
			unread: pin.Inputs{Images: &pin.ReleaseImages{Unknown: true}},
			inputs: func(tag string) pin.Inputs { return imagesIn(map[string]any{"image": app(tag).String()}) },
		},
		"chart": {
			unread: pin.Inputs{Images: &pin.ReleaseImages{}, Rendered: &pin.ChartImages{}},
			inputs: func(tag string) pin.Inputs {
				return pin.Inputs{Images: &pin.ReleaseImages{}, Rendered: rendered(tag)}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			release := suspended("app", "")
			release.Inputs, release.TargetNamespace, release.HasRun = test.unread, "apps", true
			s := newStory(t, release)
			s.expectFor(3*time.Hour, "")
			for _, tag := range []string{"v1", "v2", "v3"} {
				s.releases[0].Inputs = test.inputs(tag)
				s.pass(time.Minute)
			}
			s.expectFor(59*time.Minute, "container/app==v1 container/app==v2 container/app==v3")
			s.pass(time.Minute)
			s.expectFor(3*time.Hour, "container/app==v1 container/app==v3")
		})
	}
}

// Of the chart of a resumed release, the versions go that it does not refer to any more once it is live
// on an image: no pod runs a chart. The version that it refers to stays. Where an image has the chart's
// repository, pods must run that.
func TestOldVersionsOfTheChart(t *testing.T) {
	inputs := func(chart, image string) pin.Inputs {
		in := imagesIn(map[string]any{"image": image})
		in.ChartRef = app(chart)
		return in
	}
	for name, test := range map[string]struct{ image, before, after string }{
		"with images":               {"g.io/o/web:1", "container/app==v1 container/app==v2 container/web==1", "container/app==v2"},
		"with an image of its name": {"g.io/o/app:1", "container/app==1 container/app==v1 container/app==v2", "container/app==1 container/app==v1 container/app==v2"},
	} {
		t.Run(name, func(t *testing.T) {
			release := suspended("app", "")
			release.Inputs, release.TargetNamespace, release.HasRun = inputs("v1", test.image), "apps", true
			s := newStory(t, release)
			s.pass(time.Minute)
			s.releases[0].Inputs = inputs("v2", test.image)
			s.expectFor(3*time.Hour, test.before)
			s.releases[0].Suspended = false
			web := ownPod(image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/web"}, Tag: "1"})
			s.expectFor(3*time.Hour, test.before, web)
			s.releases[0].Ready = true
			s.expectFor(3*time.Hour, test.before)
			s.expectFor(time.Hour, test.before, web)
			s.pass(time.Minute, web)
			s.expectFor(3*time.Hour, test.after, web)
		})
	}
}

// What a release does without goes although the chart is all that it refers to, once a pod of it runs.
func TestChartIsNoImageThatRuns(t *testing.T) {
	s := sleepingStory(t, true)
	s.releases[0].Inputs = imagesIn(map[string]any{})
	s.releases[0].ChartRef = image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/chart"}, Tag: "v1"}
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	s.expectFor(3*time.Hour, "container/app==v1 container/chart==v1")
	other := ownPod(image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/web"}, Tag: "1"})
	s.expectFor(time.Hour, "container/app==v1 container/chart==v1", other)
	s.pass(time.Minute, other)
	s.expect("container/chart==v1", other)
}

// A pod proves the release alone that it belongs to; all, where that is not known.
func TestWhosePodItIs(t *testing.T) {
	for name, test := range map[string]struct {
		release object.Name
		proves  bool
	}{
		"its own":      {object.Name{Namespace: "apps", Name: "app"}, true},
		"another's":    {object.Name{Namespace: "apps", Name: "other"}, false},
		"not known":    {object.Name{}, true},
		"of a homonym": {object.Name{Namespace: "elsewhere", Name: "app"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sleepingStory(t, true)
			s.releases[0].Suspended, s.releases[0].Ready = false, true
			pod := pin.Pod{UID: "a", Release: test.release, Images: []image.Reference{app("v1")}}
			s.expectFor(time.Hour, "container/app==v1", pod)
			report := s.pass(time.Minute, pod)
			if isUntraced := hasProblem(report, v1alpha1.ReasonProofNotTraced); isUntraced != (test.release == object.Name{}) {
				t.Errorf("the report has %+v", report.Releases)
			}
			s.pass(time.Minute, pod)
			want := "container/app==v1"
			if test.proves {
				want = ""
			}
			s.expect(want, pod)
		})
	}
}

func hasProblem(report *v1alpha1.PinReport, reason v1alpha1.Reason) bool {
	return slices.ContainsFunc(report.Releases, func(r v1alpha1.Release) bool {
		return slices.ContainsFunc(r.Problems, func(p v1alpha1.Problem) bool { return p.Reason == reason })
	})
}

// What a version before recorded of a suspended release does not have what it ran: all stays.
func TestReportWithoutWhatRan(t *testing.T) {
	s := sleepingStory(t, false)
	s.set("g.io/o/app:v2")
	s.expect("container/app==v1 container/app==v2")
	report := pin.NewReport()
	known := s.kept.load(nil)
	report.Pins = known.Pins
	report.Releases = []v1alpha1.Release{{Kind: object.HelmRelease, Namespace: "apps", Name: "app", State: v1alpha1.ReleaseSuspended}}
	s.kept.writeReport(t, report)
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2")
}

// Where the report is lost, what may have run is what is listed of the same image.
func TestReportLostWhileAsleep(t *testing.T) {
	s := sleepingStory(t, true)
	s.set("g.io/o/app:v2")
	s.expect("container/app==v1 container/app==v2")
	s.kept.report = nil
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v2")
}

// Where image automation was removed for good, the list is complete again once the report is removed. What
// policies had named stays listed for a release whose values name a tag of the image then.
func TestReportRemovedAfterPolicies(t *testing.T) {
	for name, image := range map[string]any{"with a tag": "g.io/o/app:v3", "without a tag": map[string]any{"repository": "g.io/o/app"}} {
		t.Run(name, func(t *testing.T) { testReportRemovedAfterPolicies(t, image) })
	}
}

func testReportRemovedAfterPolicies(t *testing.T, image any) {
	s := sleepingStory(t, true)
	s.follow(map[string]string{"apps": "v2"})
	s.releases[0].Inputs = imagesIn(map[string]any{"image": map[string]any{"repository": "g.io/o/app"}})
	s.expect("container/app==v1 container/app==v2")
	s.follow(nil)
	if report := s.pass(time.Minute); !hasProblem(report, v1alpha1.ReasonLastTagKept) {
		t.Errorf("got %+v", report.Releases)
	}
	if !s.kept.load(nil).HasPolicies {
		t.Error("the report does not say that there were policies")
	}
	s.releases[0].Inputs = imagesIn(map[string]any{"image": image})
	s.kept.report = nil
	if s.kept.load(nil).HasPolicies {
		t.Error("without the report, there were policies")
	}
	want := "container/app==v1 container/app==v2"
	if _, hasTag := image.(string); hasTag {
		want += " container/app==v3"
	}
	s.expectFor(3*time.Hour, want)
}

// follower is a policy of a namespace that follows the image of the release app, and has resolved to a
// tag.
func follower(namespace, tag string) (link.Policy, link.Repository) {
	name := object.Name{Namespace: namespace, Name: "app"}
	return link.Policy{Name: name, Repository: name, LatestImage: "g.io/o/app", LatestTag: tag}, link.Repository{Name: name, Image: "g.io/o/app"}
}

// follow replaces the policies of the story.
func (s *story) follow(tags map[string]string) {
	s.policies, s.repositories = nil, nil
	for _, namespace := range slices.Sorted(maps.Keys(tags)) {
		p, r := follower(namespace, tags[namespace])
		s.policies, s.repositories = append(s.policies, p), append(s.repositories, r)
	}
}

// A policy of a stranger that follows the same image does not take the last tag away, nor does one
// keep a release from becoming live; but the tags that it moved on from are removed.
func TestPolicyOfAStranger(t *testing.T) {
	s := sleepingStory(t, false)
	s.releases[0].Inputs = imagesIn(map[string]any{"image": map[string]any{"repository": "g.io/o/app"}})
	s.follow(map[string]string{"apps": "v1", "evil": "x1"})
	s.expect("container/app==v1 container/app==x1")
	s.follow(map[string]string{"evil": "x2"})
	s.expectFor(time.Hour, "container/app==v1 container/app==x1 container/app==x2")
	s.pass(time.Minute)
	s.expectFor(3*time.Hour, "container/app==v1 container/app==x2")

	s = sleepingStory(t, false)
	s.follow(map[string]string{"evil": "x1"})
	s.expect("container/app==v1 container/app==x1")
	s.releases[0].Suspended = false
	s.follow(map[string]string{"evil": "x2"})
	s.expectFor(2*time.Hour, "container/app==v1 container/app==x1 container/app==x2")
	s.releases[0].Ready = true
	s.expectFor(time.Hour, "container/app==v1 container/app==x1 container/app==x2", ownPod(app("v1")))
	s.pass(time.Minute, ownPod(app("v1")))
	s.expect("", ownPod(app("v1")))
}

// A stranger's policy that has named the same tag as the release's own takes it away by naming another
// one, once the release's own policy is gone.
func TestStrangerThatNamedTheSameTag(t *testing.T) {
	run := func(t *testing.T, others, othersLater map[string]string) {
		release := suspended("app", "")
		release.TargetNamespace, release.HasRun = "apps", true
		release.Inputs = imagesIn(map[string]any{"image": map[string]any{"repository": "g.io/o/app"}})
		s := newStory(t, release)
		tags := map[string]string{"apps": "v1"}
		maps.Copy(tags, others)
		s.follow(tags)
		s.expect("container/app==v1")
		s.pass(3 * time.Hour)
		s.follow(othersLater)
		want := "container/app==v1"
		for _, tag := range othersLater {
			want += " container/app==" + tag
		}
		s.expectFor(3*time.Hour, want)
	}
	t.Run("alone", func(t *testing.T) { run(t, nil, nil) })
	t.Run("with a stranger", func(t *testing.T) { run(t, map[string]string{"evil": "v1"}, map[string]string{"evil": "x1"}) })
}

// Nor does one that names the tag after the release's own policy is gone, and then another one.
func TestStrangerThatNamesTheLastTag(t *testing.T) {
	release := suspended("app", "")
	release.TargetNamespace, release.HasRun = "apps", true
	release.Inputs = imagesIn(map[string]any{"image": map[string]any{"repository": "g.io/o/app"}})
	s := newStory(t, release)
	s.follow(map[string]string{"apps": "v1"})
	s.expect("container/app==v1")
	s.follow(nil)
	s.expectFor(3*time.Hour, "container/app==v1") // the last tag is kept
	s.follow(map[string]string{"evil": "v1"})
	s.expect("container/app==v1")
	s.follow(map[string]string{"evil": "x1"})
	s.expectFor(3*time.Hour, "container/app==v1 container/app==x1")
}

// Where the report is older than the list, a release of which nothing is known may be resuming: what
// it refers to is kept at once.
func TestResumingReleaseThatTheReportDoesNotHave(t *testing.T) {
	s := sleepingStory(t, false)
	other := suspended("other", app("v9").String())
	other.Suspended, other.TargetNamespace = false, "apps"
	s.kept.plan = "a later one"
	s.kept.list[0].Annotations[v1alpha1.PlanAnnotation] = s.kept.plan
	s.releases = append(s.releases, other)
	s.expectFor(3*time.Hour, "container/app==v1 container/app==v9")
}

// A resumed release that names no image any more, because its policy was deleted, is not live by being
// Ready alone.
func TestResumingReleaseNamesNothing(t *testing.T) {
	s := sleepingStory(t, false)
	s.releases[0].Suspended, s.releases[0].Ready = false, true
	s.releases[0].Inputs = imagesIn(map[string]any{"image": map[string]any{"repository": "g.io/o/app"}})
	s.expectFor(3*time.Hour, "container/app==v1")
	s.expectFor(time.Hour, "container/app==v1", ownPod(app("v2")))
	s.pass(time.Minute, ownPod(app("v2")))
	s.expect("", ownPod(app("v2")))
}
