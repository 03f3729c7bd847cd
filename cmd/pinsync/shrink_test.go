package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// plan replaces the list in pinsync-system, and its report, by those of suspended releases, each
// with an image: as many in each namespace. The report names the others of these namespaces, too, of
// which each has five that are live.
func (e *exports) plan(releases map[string]int, others ...string) {
	e.t.Helper()
	s := &pin.Snapshot{}
	for namespace, n := range releases {
		for i := range n {
			name := fmt.Sprint(namespace, "-", i)
			s.Releases = append(s.Releases, pin.Release{
				ID: object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: namespace, Name: name}}, Suspended: true,
				Inputs: pin.Inputs{Images: pin.FindImages([]pin.ReleasePart{
					{Path: "spec.values", Value: map[string]any{"image": "git.oleks.space/oleks/app:" + name}},
				})},
			})
		}
	}
	report := pin.Plan(s, pin.Options{Registries: e.registries})
	for _, namespace := range others {
		unprotected := v1alpha1.UnprotectedReleases{Namespace: namespace}
		for i := range 5 {
			unprotected.Live = append(unprotected.Live, fmt.Sprint(namespace, "-", i))
		}
		report.Unprotected = append(report.Unprotected, unprotected)
	}
	e.replace(report)
}

// replace replaces the list in pinsync-system, and its report, by those of a report.
func (e *exports) replace(report *v1alpha1.PinReport) {
	e.t.Helper()
	own := client.InNamespace("pinsync-system")
	localtest.Must(e.t, e.client.DeleteAllOf(e.t.Context(), &corev1.ConfigMap{}, own))
	layout := &pinlist.Layout{Room: func(int) int { return 1 << 20 }}
	list, err := pinlist.Encode("registry-pins", report.Pins, pinlist.Stamp{Complete: true, Plan: "1"}, layout)
	localtest.Must(e.t, err)
	list[0].Annotations["pinsync.oleks.space/synced-at"] = time.Now().UTC().Format(time.RFC3339)
	report.List = pinlist.Reference(report.Pins, "1")
	encoded, err := pinlist.EncodeReport("registry-pins", report, layout)
	localtest.Must(e.t, err)
	for label, o := range map[string]pinlist.Object{"pins": list[0], "report": encoded.Objects[0]} {
		e.create(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "pinsync-system", Name: o.Name, Labels: map[string]string{"pinsync.oleks.space/" + label: "true"}, Annotations: o.Annotations,
			},
			Data: o.Data,
		})
	}
}

// succeeds expects that the list is exported.
func (e *exports) succeeds(args ...string) {
	e.t.Helper()
	if code, _, errOut := e.run(args...); code != 0 || !isSummary(errOut) {
		e.t.Errorf("%q: exit code %d, printed %q", args, code, errOut)
	}
}

// One tenant neither causes a refusal for all, nor hides a loss of the others.
func TestShrinkByNamespace(t *testing.T) {
	e := newExports(t)
	args := []string{"--state", e.state}
	e.plan(map[string]int{"noisy": 20, "b": 2, "c": 2, "d": 1})
	e.succeeds(args...)
	e.plan(map[string]int{"b": 2, "c": 2, "d": 1})
	e.succeeds(args...)
	e.plan(map[string]int{"noisy": 40, "d": 1})
	e.refuses(3, "namespace b had 2 pins and has 0 now, namespace c had 2 pins and has 0 now; 67 % of the pins of its 3 namespaces are lost "+
		"on average: if that is meant, export once with --max-shrink 100", args...)
	e.succeeds(append(args, "--max-shrink", "100")...)
	e.succeeds(args...)

	// Without a report all pins are compared, and with a state of an earlier version.
	localtest.Must(t, e.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "registry-pins-report"}}))
	e.succeeds(args...)
	if state := e.read(e.state); strings.Contains(state, "namespaces") {
		t.Errorf("the state is %s", state)
	}
	e.plan(map[string]int{"noisy": 20})
	e.refuses(3, "it had 41 pins and has 20 now: if that is meant, export once with --max-shrink 100", args...)
	e.plan(map[string]int{"noisy": 30})
	e.succeeds(args...)
}

// In the morning, when all releases are live again, the list is empty and right. Without their names
// in the report it is refused: then nothing shows that they were not lost.
func TestShrinkInTheMorning(t *testing.T) {
	e := newExports(t)
	args := []string{"--state", e.state}
	for range 2 {
		e.plan(map[string]int{"a": 3, "b": 2, "c": 1})
		e.succeeds(args...)
		e.plan(nil)
		e.refuses(3, "namespace a had 3 pins and has 0 now, namespace b had 2 pins and has 0 now, namespace c had 1 pin and has 0 now", args...)
		e.plan(map[string]int{"c": 1}, "a")
		e.succeeds(args...) // of three namespaces, b alone has lost pins without a reason
		e.plan(map[string]int{"a": 3, "b": 2, "c": 1})
		e.succeeds(args...)
		e.plan(nil, "a", "b", "c")
		e.succeeds(args...)
	}
}

// The same with a real controller: releases that were resumed explain the loss of their pins, and
// those that were deleted do not.
func TestExportAfterAResume(t *testing.T) {
	d := deploy(t)
	d.configure("hold: {grace: 2s, proof: Ready}")
	localtest.Must(t, local.Load(t.Context(), d.client, "../../config/samples"))
	d.start()
	releases := []string{"cms-plugins-production", "cms-plugins-staging"}
	expectExport := func(want int, message string) {
		t.Helper()
		d.report()
		code, _, errOut := pinsync(t, "", "export", "--kubeconfig", d.plane.Kubeconfig, "--pods-first", "--state", filepath.Join(d.folder, "state.json"))
		if code != want || !strings.Contains(errOut, message) {
			t.Errorf("exit code %d, want %d; printed %q, want %q", code, want, errOut, message)
		}
	}
	d.expect("true", "production", "staging")
	expectExport(0, "exported 2 pins")
	for _, release := range releases {
		d.setSuspend(release, false)
		d.becomeReady(release)
	}
	d.expect("true")
	expectExport(0, "exported 0 pins")
	if _, out, _ := pinsync(t, "", "explain", "--kubeconfig", d.plane.Kubeconfig, "kotkan/cms-plugins-staging"); !strings.HasPrefix(out, "kotkan/cms-plugins-staging: resumed and Ready, no tag is kept for it, list ") {
		t.Errorf("explain printed %q", out)
	}
	for _, release := range releases {
		d.setSuspend(release, true)
	}
	d.expect("true", "production", "staging")
	expectExport(0, "exported 2 pins")
	for _, release := range releases {
		d.kubectl("-n", "kotkan", "delete", "helmrelease", release)
	}
	d.expect("true")
	expectExport(3, "namespace kotkan had 2 pins and has 0 now")
}
