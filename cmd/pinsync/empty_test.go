package main

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// A list with a release of which images may be missing is refused where that is asked for.
func TestRequireAllImages(t *testing.T) {
	e := newExports(t)
	e.plan(map[string]int{"kotkan": 1})
	e.succeeds("--require-all-images")
	plan := ""
	e.change(func(r *v1alpha1.PinReport) { plan, r.List.Plan = r.List.Plan, "2020-01-01T00:00:00Z" })
	e.refuses(3, "the report on the list registry-pins is of an earlier list", "--require-all-images", "--wait", "0")
	e.succeeds("--wait", "0")
	e.change(func(r *v1alpha1.PinReport) {
		r.List.Plan, r.Problems = plan, []v1alpha1.Problem{{Reason: v1alpha1.ReasonReportTruncated}}
	})
	e.refuses(3, "the report on the list registry-pins is too large to have the problems of releases", "--require-all-images")
	e.change(func(r *v1alpha1.PinReport) { r.Problems = []v1alpha1.Problem{} })
	e.change(func(r *v1alpha1.PinReport) {
		r.Releases[0].Problems = []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRead, Message: "there is no HelmChart"}}
	})
	if code, _, errOut := e.run(); code != 0 || !strings.HasSuffix(errOut, "; releases that may need more: 1, see pinsync status\n") {
		t.Errorf("exit code %d, printed %q", code, errOut)
	}
	e.registries = []pin.Registry{{Host: "git.oleks.spcae", Type: "container"}}
	e.plan(map[string]int{"kotkan": 2})
	e.refuses(3, "the list registry-pins is empty", "--require-all-images") // it is known which images there are
	e.change(func(r *v1alpha1.PinReport) {
		r.Releases[0].Problems = []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRead, Message: "there is no HelmChart"}}
		r.Releases[1].Problems = r.Releases[0].Problems
	})
	e.refuses(3, ": images of kotkan/kotkan-0 may be missing from the list registry-pins (and of 1 more, see pinsync status): ChartNotRead: there is no HelmChart", "--require-all-images")
	if code, _, errOut := e.run("--allow-empty", "--state", e.state); code != 0 ||
		!strings.HasSuffix(errOut, "; releases that may need more: 2, see pinsync status; no earlier state: the loss of pins was not checked\n") {
		t.Errorf("exit code %d, printed %q", code, errOut)
	}
	e.change(func(r *v1alpha1.PinReport) {
		r.Releases[0].Problems = []v1alpha1.Problem{}
		r.Problems = []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRead, Object: "HelmChart", Message: "is not read"}}
	})
	e.refuses(3, ": images of releases may be missing from the list registry-pins: HelmChart is not read", "--require-all-images")
	localtest.Must(t, e.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "registry-pins-report"}}))
	e.refuses(3, "has the problems of releases, cannot be read", "--require-all-images")
}

// change changes the report.
func (e *exports) change(mutate func(*v1alpha1.PinReport)) {
	e.t.Helper()
	object, report := &corev1.ConfigMap{}, &v1alpha1.PinReport{}
	localtest.Must(e.t, e.client.Get(e.t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: "registry-pins-report"}, object))
	localtest.Must(e.t, json.Unmarshal([]byte(object.Data["report.json"]), report))
	mutate(report)
	text, err := json.Marshal(report)
	localtest.Must(e.t, err)
	object.Data["report.json"] = string(text)
	localtest.Must(e.t, e.client.Update(e.t.Context(), object))
}

// A registry's host that is mistyped in the configuration gives an empty list, which is refused
// until a person has accepted it.
func TestEmptyList(t *testing.T) {
	e := newExports(t)
	args := []string{"--state", e.state}
	e.plan(nil)
	e.succeeds(args...) // nothing is suspended
	e.succeeds()

	e.registries = []pin.Registry{{Host: "git.oleks.spcae", Type: "container"}}
	e.plan(map[string]int{"kotkan": 2})
	const want = ": the list registry-pins is empty, but should have the tags of 2 releases, such as kotkan/kotkan-0 ("
	e.refuses(3, want, args...)
	e.refuses(3, "): if that is meant, export once with --allow-empty and --state")
	e.succeeds("--allow-empty")
	e.refuses(3, want, args...) // no state recorded it
	e.succeeds(append(args, "--allow-empty")...)
	e.succeeds(args...)
	e.succeeds(args...)

	// It was accepted as long as it stays empty.
	e.registries = nil
	e.plan(map[string]int{"kotkan": 2})
	e.succeeds(args...)
	e.registries = []pin.Registry{{Host: "git.oleks.spcae", Type: "container"}}
	e.plan(map[string]int{"kotkan": 2})
	e.refuses(3, "namespace kotkan had 2 pins and has 0 now", args...)
	e.refuses(3, want, append(args, "--max-shrink", "100")...)

	// Without a report it is not known whether releases are suspended.
	e.plan(nil)
	localtest.Must(t, e.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "registry-pins-report"}}))
	e.refuses(3, "and its report, which has the protected releases, cannot be read")
}

// With a real controller: a release of which images may be missing is seen although the report is written
// some seconds after the list, and although the list may not change.
func TestRequireAllImagesAfterASuspension(t *testing.T) {
	d := deploy(t)
	d.start()
	d.expect("true")
	d.report()
	args := []string{"export", "--kubeconfig", d.plane.Kubeconfig, "--pods-first", "--require-all-images"}
	if code, _, errOut := pinsync(t, "", args...); code != 0 {
		t.Fatalf("exit code %d, printed %q", code, errOut)
	}
	other := &attacker{deployment: d, namespace: "kotkan"}
	d.kubectl("create", "namespace", other.namespace)
	for name, text := range map[string]string{"app": "git.oleks.space/oleks/app:v1", "empty": ""} {
		d.report()
		other.release(name, text, nil)
		code, _, errOut := pinsync(t, "", args...)
		if want := "images of kotkan/" + name + " may be missing"; code != exitRefused || !strings.Contains(errOut, want) {
			t.Errorf("%s: exit code %d, printed %q, want %q", name, code, errOut, want)
		}
		d.kubectl("-n", other.namespace, "delete", "helmrelease", name)
	}
}
