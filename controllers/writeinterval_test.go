package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/labels"
)

// A burst of changes is written together, and none of them is left behind.
func TestChangesAreWrittenTogether(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("first", app+":first")
	quiet := w.expect("first")
	begin := time.Now()
	var tags []string
	for i := range 50 {
		tag := fmt.Sprintf("v%02d", i)
		tags = append(tags, tag)
		w.suspend(tag, app+":"+tag)
	}
	last := w.expect(slices.Concat([]string{"first"}, tags)...)
	// Slowness only allows more writes: one as the burst begins, one for each 750 ms.
	most := 2 + int(time.Since(begin)/(750*time.Millisecond))
	if writes := len(w.between(quiet.list, last.list)); writes > most {
		t.Errorf("50 changes took %d writes of the list, want at most %d", writes, most)
	}
	most = 1 + int(time.Since(begin)/(3*time.Second))
	if writes := len(w.between(quiet.object, last.object)); writes > most {
		t.Errorf("50 changes took %d writes of the report, want at most %d", writes, most)
	}
}

// Two instances that share the releases by a label have all of them in their lists
// together, also one that changes sides.
func TestSharedByLabel(t *testing.T) {
	w := newWorld(t)
	for _, instance := range []string{"east", "west"} {
		options := w.hasty()
		options.ConfigMapName, options.LeaderElect = "pins-"+instance, true
		var err error
		if options.Releases, err = labels.Parse("sharding.fluxcd.io/key=" + instance); err != nil {
			t.Fatal(err)
		}
		w.start(options)
	}
	move := func(name, instance string) {
		change(w, &helmv2.HelmRelease{}, w.apps, name, func(r *helmv2.HelmRelease) {
			r.Labels = map[string]string{"sharding.fluxcd.io/key": instance}
		})
	}
	w.suspend("a", app+":a")
	w.suspend("b", app+":b")
	move("a", "east")
	move("b", "west")
	w.until(w.listOf("pins-east", "container/app==a\n"))
	w.until(w.listOf("pins-west", "container/app==b\n"))
	move("a", "west")
	w.until(w.listOf("pins-west", "container/app==a\ncontainer/app==b\n"))
	w.until(w.listOf("pins-east", ""))
	east := w.configMap(t.Context(), "pins-east")
	w.between(east, east) // The recorder may see it later.
	var takenOver, removed int
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.events {
		version := w.events[i].configMap(t)
		switch lines, ok := version.Data["registry-pins.txt"]; {
		case !ok:
		case version.Name == "pins-west" && lines == "container/app==a\ncontainer/app==b\n" && takenOver == 0:
			takenOver = i
		case version.Name == "pins-east" && lines == "" && takenOver > 0 && removed == 0:
			removed = i
		}
	}
	if takenOver == 0 || removed < takenOver {
		t.Errorf("west has it from version %d on, east has it not from %d on", takenOver, removed)
	}
}
