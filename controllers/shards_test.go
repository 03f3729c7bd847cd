package controllers_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

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
	w := newWorld(t, plane)
	options := w.options()
	options.Pins.Grace = time.Second
	w.start(options)
	w.suspendWith("steady", 50)
	w.spread(50)
	for i := range 12 {
		w.suspendWith(fmt.Sprint("many-", i), 1000)
	}
	most := w.spread(12_050)
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
	for _, event := range w.events {
		configMap, ok := event.Object.(*corev1.ConfigMap)
		if !ok {
			w.t.Fatalf("the recorder has seen %v", event)
		}
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

// The list holds 200,000 pins, and a start finds it as it is.
func TestManyPins(t *testing.T) {
	w := newWorld(t, plane)
	for i := range 200 {
		w.suspendWith(fmt.Sprint("many-", i), 1000)
	}
	stop := w.start(w.options())
	before := w.spread(200_000)
	for i := range before {
		checkConfigMap(t, &before[i])
	}
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

// Where a part of the list is missing at the start, it is not known who had needed the
// pins.
func TestShardIsMissing(t *testing.T) {
	w := newWorld(t, plane)
	stop := w.start(w.options())
	for i := range 4 {
		w.suspendWith(fmt.Sprint("many-", i), 1000)
	}
	if objects := w.spread(4000); len(objects) < 2 {
		t.Fatal("it is not spread")
	}
	stop()
	// There was no list at the first start, and it said so; now it is as if it knew.
	objects, _ := w.shards(t.Context())
	for i := range objects {
		change(w, &corev1.ConfigMap{}, w.own, objects[i].Name, func(c *corev1.ConfigMap) {
			c.Data["report.json"] = strings.Replace(c.Data["report.json"], `"forgotten":true`, `"forgotten":false`, 1)
		})
	}
	w.sealShards()
	stop = w.start(w.options())
	w.suspendWith("marker", 1)
	w.expectOwnersUnknown(4001, false)
	stop()
	w.remove(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: "registry-pins-1"}})
	w.start(w.options())
	w.expectOwnersUnknown(4001, true)
}

// A shard that somebody has made unrecognizable is restored.
func TestShardIsStripped(t *testing.T) {
	w := newWorld(t, plane)
	w.start(w.options())
	for i := range 4 {
		w.suspendWith(fmt.Sprint("many-", i), 1000)
	}
	w.spread(4000)
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins-1", func(c *corev1.ConfigMap) {
		c.Labels, c.Annotations = nil, nil
	})
	w.until(func(ctx context.Context) (bool, string) {
		objects, lines := w.shards(ctx)
		return len(lines) == 4000, fmt.Sprintf("%d lines in %d objects", len(lines), len(objects))
	})
}

// sealShards makes the digest in the first shard fit the others again.
func (w *world) sealShards() {
	w.t.Helper()
	objects, _ := w.shards(w.t.Context())
	h := sha256.New()
	for i := 1; i < len(objects); i++ {
		index := slices.IndexFunc(objects, func(c corev1.ConfigMap) bool { return c.Name == fmt.Sprint("registry-pins-", i) })
		for _, key := range []string{"registry-pins.txt", "images.txt", "report.json"} {
			fmt.Fprintf(h, "%d %s", len(objects[index].Data[key]), objects[index].Data[key])
		}
	}
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins", func(c *corev1.ConfigMap) {
		c.Annotations["pinsync.oleks.space/shards"] = "sha256:" + hex.EncodeToString(h.Sum(nil))
	})
}

// expectOwnersUnknown waits until all objects have so many lines and fit together, and then
// expects all to say, or none, that it is not known who had needed the pins.
func (w *world) expectOwnersUnknown(lines int, want bool) {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		objects, all := w.shards(ctx)
		said := map[bool]int{}
		for i := range objects {
			said[report(w.t, &objects[i]).Forgotten]++
		}
		return len(all) == lines && said[want] == len(objects), fmt.Sprintf("%d lines, want %d; forgotten: %v", len(all), lines, said)
	})
}
