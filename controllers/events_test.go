package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/controllers"
)

// What becomes of a release's pins is recorded when it changes, and not again.
func TestPinChangesAreRecorded(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.hasty())
	w.suspend("web", app+":v1")
	pinned := "Normal Pinned HelmRelease The registry cleaner must keep container/app==v1"
	w.expectPinEvents(pinned)
	stop()
	w.start(w.hasty())
	w.resume()
	w.expectHeld("v1")
	held := "Normal Held HelmRelease Still kept, until the release is proven live, or for the grace if it is not protected any more: container/app==v1"
	w.expectPinEvents(held, pinned)
	w.becomeReady()
	w.run(app + ":v1")
	w.gone()
	w.expectPinEvents(held, pinned, "Normal Unpinned HelmRelease No longer kept for this release: container/app==v1")
}

// Where very many releases need pins at once, all get an event in the end, though nothing changes any more.
func TestManyChangesAreRecordedInTheEnd(t *testing.T) {
	w := newWorld(t)
	const releases = 250
	for i := range releases {
		w.suspend(fmt.Sprint("many-", i), app+":old")
	}
	w.start(w.options())
	w.expect("old")
	const pinned = "Normal Pinned HelmRelease The registry cleaner must keep container/app==old"
	w.expectPinEvents(slices.Repeat([]string{pinned}, releases)...)
}

// So it is where they have problems.
func TestManyProblemsAreRecordedInTheEnd(t *testing.T) {
	w := newWorld(t)
	const releases = 125
	for i := range releases {
		w.suspend(fmt.Sprint("web-", i), "no image")
	}
	w.start(w.options())
	w.expectProblemEvents(append(
		slices.Repeat([]string{"Warning Unresolved HelmRelease nothing is pinned for this release: no image with a tag was found in it"}, releases),
		slices.Repeat([]string{`Warning Unresolved HelmRelease spec.values.image: "no image" is not an image reference, want host/path:tag`}, releases)...,
	)...)
}

// A release that moves on from tag to tag while it is suspended gets an event about each. One that
// does not refer to an image any more keeps its last tag, and gets a warning: it may need it all
// the same.
func TestLastTagIsAWarning(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values(app + ":v2") })
	w.until(w.lists("container/app==v2\n"))
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values("g.io/o/other:v1") })
	w.until(w.lists("container/app==v2\ncontainer/other==v1\n"))
	w.expectPinEvents(
		"Normal Held HelmRelease Still kept, until the release is proven live, or for the grace if it is not protected any more: container/app==v1",
		"Normal Pinned HelmRelease The registry cleaner must keep container/app==v1",
		"Normal Pinned HelmRelease The registry cleaner must keep container/app==v2",
		"Normal Pinned HelmRelease The registry cleaner must keep container/other==v1",
		"Normal Unpinned HelmRelease No longer kept for this release: container/app==v1",
	)
	w.expectProblemEvents("Warning Unresolved HelmRelease no tag of git.example.com/team/app is named any more, in its values or by an ImagePolicy: " +
		"the last ones stay pinned until it is proven live, deleted or disabled")
}

// What cannot be read for a while is no change, and no event is recorded.
func TestIncompleteSnapshotIsNotRecorded(t *testing.T) {
	w := newWorld(t)
	refused := &refusals{resource: "imagepolicies"}
	refused.wrap(w)
	stop := w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.follow(w.apps, "^v")
	w.resolve(w.apps, "v2", metav1.ConditionTrue, "")
	w.expect("v1", "v2")
	pinned := []string{
		"Normal Pinned HelmRelease The registry cleaner must keep container/app==v1",
		"Normal Pinned HelmRelease The registry cleaner must keep container/app==v2",
	}
	w.expectPinEvents(pinned...)
	stop()
	refused.set(true)
	w.start(w.options())
	w.expectComplete("false")
	w.expectHeld("v2")
	refused.set(false)
	w.expect("v1", "v2")
	w.expectComplete("true")
	w.expectPinEvents(pinned...)
}

// A policy that loses its tag while a release is suspended is what nobody sees before the resume.
func TestLostTagIsRecorded(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":staging")
	w.follow(w.apps, "^staging$")
	w.resolve(w.apps, "", metav1.ConditionFalse, "no tags in database")
	w.expectInReport("PolicyNeverResolved")
	w.resolve(w.apps, "staging", metav1.ConditionTrue, "")
	w.expectReadyPolicies()
	w.expect("staging")
	w.expectProblemEvents()
	w.resolve(w.apps, "staging", metav1.ConditionFalse, "version list argument cannot be empty")
	warning := "Warning PolicyNotReady HelmRelease ImagePolicy " + w.apps + "/app is not ready: version list argument cannot be empty; " +
		"the tag may be gone from the registry; see pinsync explain --check -n " + w.apps + " web"
	w.expectProblemEvents(warning)
	w.resolve(w.apps, "staging", metav1.ConditionTrue, "")
	w.expectReadyPolicies()
	w.expectProblemEvents(warning)
}

// The metrics are those of the list.
func TestMetrics(t *testing.T) {
	w := newLoneWorld(t)
	before := gather(t, "pinsync_configmap_writes_total")
	steps := gather(t, "pinsync_step_duration_seconds")
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.suspend("other", app+":v2")
	w.expect("v1", "v2")
	w.resume()
	now := w.expectHeld("v1")
	synced, err := time.Parse(time.RFC3339, now.list.Annotations["pinsync.oleks.space/synced-at"])
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, text := range now.list.Data {
		size += len(text)
	}
	for name, want := range map[string]map[string]float64{
		"pinsync_pins":                        {"Needed": 1, "Held": 1},
		"pinsync_releases":                    {"Suspended": 1, "Resuming": 1, "Live": 0},
		"pinsync_complete":                    {"": 1},
		"pinsync_list_objects":                {"": 1},
		"pinsync_list_bytes":                  {"": float64(size)},
		"pinsync_list_bytes_limit":            {"": 900 * 1024},
		"pinsync_report_objects":              {"": 1},
		"pinsync_report_bytes":                {"": float64(len(now.object.Data["report.json"]))},
		"pinsync_last_sync_timestamp_seconds": {"": float64(synced.Unix())},
	} {
		w.measures(name, want)
	}
	after := gather(t, "pinsync_configmap_writes_total")
	if after["create"] != before["create"]+2 || after["update"] <= before["update"] || after["delete"] != before["delete"] {
		t.Errorf("writes were %v and are %v", before, after)
	}
	for _, step := range []string{"load", "gather", "plan", "publish"} {
		if now := gather(t, "pinsync_step_duration_seconds")[step]; now <= steps[step] {
			t.Errorf("step %s was measured %v times", step, now-steps[step])
		}
	}
	for _, metric := range controllers.Metrics() {
		if len(gather(t, metric.Name)) == 0 && metric.Name != "pinsync_problems" {
			t.Errorf("there is no %s", metric.Name)
		}
	}
}
