package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// suspendMany creates suspended releases many-0, many-1, and so on, with n images each.
func (w *world) suspendMany(releases, n int) {
	w.t.Helper()
	for i := range releases {
		w.suspendWith(fmt.Sprint("many-", i), n)
	}
}

// suspendWith creates a suspended release with n images.
func (w *world) suspendWith(name string, n int) {
	w.t.Helper()
	images := make([]string, n)
	for i := range images {
		images[i] = fmt.Sprintf("git.example.com/team/%s:v%06d", name, i)
	}
	text, err := json.Marshal(map[string]any{"images": images})
	if err != nil {
		w.t.Fatal(err)
	}
	w.create(&helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: name},
		Spec: helmv2.HelmReleaseSpec{
			ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"},
			Suspend:  true, Values: &apiextensionsv1.JSON{Raw: text}, Interval: metav1.Duration{Duration: time.Hour},
		},
	})
}

// shards returns the list's ConfigMaps, as one list call sees them, and their lines.
func (w *world) shards(ctx context.Context) (objects []corev1.ConfigMap, lines map[string]bool) {
	w.t.Helper()
	var all corev1.ConfigMapList
	if err := w.client.List(ctx, &all, client.InNamespace(w.own), client.MatchingLabels{"pinsync.oleks.space/pins": "true"}); err != nil {
		w.t.Fatal(err)
	}
	lines = map[string]bool{}
	for i := range all.Items {
		for line := range strings.Lines(all.Items[i].Data["registry-pins.txt"]) {
			lines[line] = true
		}
	}
	return all.Items, lines
}

// spread waits until the list has so many lines, in objects that say that they are all
// of it, each once.
func (w *world) spread(lines int) []corev1.ConfigMap {
	w.t.Helper()
	var objects []corev1.ConfigMap
	w.until(func(ctx context.Context) (bool, string) {
		var all map[string]bool
		objects, all = w.shards(ctx)
		indices := map[string]bool{}
		for i := range objects {
			index, n, _ := strings.Cut(objects[i].Annotations["pinsync.oleks.space/shard"], "/")
			indices[index] = true
			if n != fmt.Sprint(len(objects)) {
				return false, fmt.Sprintf("%d objects, of which one is %s/%s", len(objects), index, n)
			}
		}
		return len(all) == lines && len(indices) == len(objects), fmt.Sprintf("%d lines, want %d, in %d objects", len(all), lines, len(objects))
	})
	return objects
}

// While the list grows over more objects and shrinks again, every list call sees every
// pin that is needed all the while.
func TestListGrowsAndShrinks(t *testing.T) {
	w := newWorld(t)
	options := w.options()
	options.Pins.Grace = time.Second
	w.start(options)
	w.suspendWith("steady", 50)
	w.spread(50)
	w.suspendMany(12, 4000)
	most := w.spread(48_050)
	if len(most) < 4 {
		t.Errorf("only %d objects", len(most))
	}
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins-1", func(c *corev1.ConfigMap) { c.Data["theirs.txt"] = "kept" })
	for i := range 12 {
		w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: fmt.Sprint("many-", i)}})
	}
	if rest := w.spread(50); len(rest) != 1 {
		t.Errorf("it is spread over %d objects", len(rest))
	}
	theirs := &corev1.ConfigMap{}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.own, Name: "registry-pins-1"}, theirs); err != nil ||
		len(theirs.Data) != 1 || theirs.Data["theirs.txt"] != "kept" || len(theirs.Labels)+len(theirs.Annotations) > 0 {
		t.Errorf("of somebody's key in a shard is left: %+v, %v", theirs, err)
	}
	if reports := w.expectReports(50); len(reports) != 1 {
		t.Errorf("the report is spread over %d objects", len(reports))
	}
	for i := range 50 {
		w.alwaysHad(fmt.Sprintf("container/steady==v%06d\n", i))
	}
}

// alwaysHad checks that from when one of all objects first had a line, one always had.
func (w *world) alwaysHad(line string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	now, had := map[string]string{}, false
	for i := range w.events {
		event := &w.events[i]
		configMap := event.configMap(w.t)
		now[configMap.Name] = configMap.Data["registry-pins.txt"]
		if event.Type == watch.Deleted {
			delete(now, configMap.Name)
		}
		has := false
		for _, text := range now {
			has = has || strings.Contains("\n"+text, "\n"+line)
		}
		if had && !has {
			w.t.Errorf("after %s of %s, version %s, %q is in none of %d objects",
				event.Type, configMap.Name, configMap.ResourceVersion, line, len(now))
		}
		had = had || has
	}
	if !had {
		w.t.Errorf("%q was never there", line)
	}
}

// The list holds 200,000 pins of several namespaces, and a start finds it as it is.
func TestManyPins(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		if i%50 == 0 {
			w.apps += "-more"
			w.createNamespace(w.apps)
		}
		w.suspendWith(fmt.Sprint("many-", i), 1000)
	}
	w.apps += "-more"
	w.createNamespace(w.apps)
	stop := w.start(w.options())
	before := w.spread(200_000)
	for i := range before {
		checkConfigMap(t, &before[i])
	}
	w.expectReports(200_000)
	stop()
	w.start(w.options())
	w.suspendWith("one", 1)
	after := w.spread(200_001)
	written := 0
	for i := range after {
		if after[i].ResourceVersion != before[i].ResourceVersion {
			written++
		}
	}
	if len(after) != len(before) || written > 3 { // the pin's, the release's, and the first
		t.Errorf("one more pin has changed %d objects of %d", written, len(after))
	}
}

// Where a part of the list or of the report is missing at the start, it is not known who else had
// needed the pins.
func TestShardIsMissing(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.options())
	w.suspendMany(4, 4000)
	if objects := w.spread(16_000); len(objects) < 2 {
		t.Fatal("it is not spread")
	}
	w.expectReports(16_000)
	stop()
	stop = w.start(w.options())
	w.suspendWith("known", 1)
	w.expectReports(16_001)
	stop()

	// All releases are searched at once, and every pin is held for other owners, too, until the
	// grace has passed.
	for i, name := range []string{"registry-pins-1", "registry-pins-report-1"} {
		w.remove(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: name}})
		stop = w.start(w.options())
		w.suspendWith(fmt.Sprint("found-", i), 1)
		w.expectReports(16_002 + i)
		w.expectOtherOwners()
		stop()
	}
}

// expectOtherOwners expects that every pin of suspendMany has a release that needs it, and is held
// for unknown ones besides.
func (w *world) expectOtherOwners() {
	w.t.Helper()
	besides, unowned := 0, 0
	r := joinReports(w.t, w.reports(w.t.Context()))
	for i := range r.Pins {
		if len(r.Pins[i].NeededBy) == 0 {
			unowned++
		}
		if held := r.Pins[i].HeldFor; len(held) == 1 && (held[0].Owner == "*" || held[0].Owner == "+") {
			besides++
		}
	}
	if r.OwnersUnknown || unowned > 0 || besides < 16_000 {
		w.t.Errorf("%d pins have no owner, %d are held for unknown ones besides", unowned, besides)
	}
}

// A shard that somebody has made unrecognizable is restored.
func TestShardIsStripped(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspendMany(4, 4000)
	w.spread(16_000)
	reports := len(w.expectReports(16_000))
	for _, name := range []string{"registry-pins-1", "registry-pins-report-1"} {
		change(w, &corev1.ConfigMap{}, w.own, name, func(c *corev1.ConfigMap) {
			c.Labels, c.Annotations = nil, nil
		})
	}
	w.until(func(ctx context.Context) (bool, string) {
		objects, lines := w.shards(ctx)
		return len(lines) == 16_000, fmt.Sprintf("%d lines in %d objects", len(lines), len(objects))
	})
	if now := w.expectReports(16_000); len(now) != reports {
		t.Errorf("the report was in %d objects, and is in %d", reports, len(now))
	}
}

// A report may need more objects than the list does. A start finds all that it says.
func TestReportIsLargerThanTheList(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.options())
	w.suspendMany(4, 1000)
	if objects := w.spread(4000); len(objects) != 1 {
		t.Fatalf("the list is spread over %d objects", len(objects))
	}
	if objects := w.expectReports(4000); len(objects) < 2 {
		t.Fatal("the report is not spread")
	}
	stop()
	// Only the report has who needed what is gone.
	w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "many-1"}})
	w.start(w.options())
	w.until(func(ctx context.Context) (bool, string) {
		r := joinReports(t, w.reports(ctx))
		held := 0
		for i := range r.Pins {
			if p := &r.Pins[i]; p.State == v1alpha1.PinHeld && len(p.HeldFor) == 1 && p.HeldFor[0].Owner == "HelmRelease/"+w.apps+"/many-1" {
				held++
			}
		}
		return held == 1000 && !r.OwnersUnknown, fmt.Sprintf("%d pins are held, owners unknown: %t", held, r.OwnersUnknown)
	})
}

// reports returns the report's ConfigMaps by shard, as one list call sees them.
func (w *world) reports(ctx context.Context) []*corev1.ConfigMap {
	w.t.Helper()
	var all corev1.ConfigMapList
	if err := w.client.List(ctx, &all, client.InNamespace(w.own), client.MatchingLabels{"pinsync.oleks.space/report": "true"}); err != nil {
		w.t.Fatal(err)
	}
	byName := map[string]*corev1.ConfigMap{}
	for i := range all.Items {
		byName[all.Items[i].Name] = &all.Items[i]
	}
	first := byName["registry-pins-report"]
	if first == nil {
		return nil
	}
	return shardsOf(byName, first)
}

// expectReports waits until the report is on the list that there is, which has so many pins,
// and returns its objects.
func (w *world) expectReports(pins int) []*corev1.ConfigMap {
	w.t.Helper()
	var objects []*corev1.ConfigMap
	w.until(func(ctx context.Context) (bool, string) {
		if objects = w.reports(ctx); len(objects) == 0 {
			return false, "there is no report"
		}
		r := joinReports(w.t, objects)
		names := map[string]bool{}
		for i := range r.Pins {
			names[r.Pins[i].Pin] = true
		}
		plan := w.list(ctx).Annotations["pinsync.oleks.space/plan"]
		return len(names) == pins && r.List != nil && r.List.Plan == plan,
			fmt.Sprintf("%d pins in %d objects, want %d; it is on %v, the list is of %s", len(names), len(objects), pins, r.List, plan)
	})
	return objects
}
