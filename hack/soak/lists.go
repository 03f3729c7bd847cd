package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// watchInterval is the time between two attempts to watch the list.
const watchInterval = 200 * time.Millisecond

// watchLists records every version of the list until ctx is done, for the report of a loss.
func (w *witness) watchLists(ctx context.Context) error {
	listed := map[string]bool{}
	for pause(ctx, watchInterval) {
		watcher, err := w.cluster.Client.Watch(ctx, &corev1.ConfigMapList{},
			client.InNamespace(testbed.OwnNamespace), client.MatchingLabels{"pinsync.oleks.space/pins": "true"})
		if err != nil {
			continue // the API server is away
		}
		for event := range watcher.ResultChan() {
			if configMap, ok := event.Object.(*corev1.ConfigMap); ok {
				listed = w.record(event.Type, configMap, listed)
			}
		}
	}
	return nil
}

// record records what a version of the list has added and removed, each with its pin as subject.
func (w *witness) record(event watch.EventType, configMap *corev1.ConfigMap, before map[string]bool) (listed map[string]bool) {
	listed = map[string]bool{}
	if event != watch.Deleted {
		for pin := range strings.FieldsSeq(configMap.Data["registry-pins.txt"]) {
			listed[pin] = true
		}
	}
	w.count(func(f *figures) { f.versions++ })
	complete := configMap.Annotations["pinsync.oleks.space/complete"]
	for _, pin := range slices.Sorted(maps.Keys(listed)) {
		if !before[pin] {
			w.journal.note(pin, "added by version %s, complete: %s", configMap.ResourceVersion, complete)
		}
	}
	for _, pin := range slices.Sorted(maps.Keys(before)) {
		if !listed[pin] {
			w.journal.note(pin, "removed by version %s, complete: %s", configMap.ResourceVersion, complete)
		}
	}
	return listed
}
