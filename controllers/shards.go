package controllers

import (
	"cmp"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// shards are the ConfigMaps that a list or a report is spread over.
type shards map[int]*knownConfigMap

// equal reports whether other ConfigMaps say the same.
func (s shards) equal(other shards) bool {
	plan := func(k *knownConfigMap) string { return k.object.Annotations[v1alpha1.PlanAnnotation] }
	return maps.EqualFunc(s, other, func(a, b *knownConfigMap) bool {
		return maps.Equal(a.object.Data, b.object.Data) && maps.Equal(a.ours, b.ours) && plan(a) == plan(b)
	})
}

// haveData reports whether the ConfigMaps have the data of these objects, and no other of
// pinsync's.
func (s shards) haveData(objects []pinlist.Object) bool {
	if len(s) != len(objects) {
		return false
	}
	for shard := range objects {
		if current := s[shard]; current == nil || !maps.Equal(current.ours, fingerprints(objects[shard].Data)) {
			return false
		}
	}
	return true
}

// stamp sets when the list was last known to be current in the ConfigMaps that are to be
// written because they differ, and in all if that is due. It reports whether any differs.
func (s shards) stamp(desired []*corev1.ConfigMap, complete bool, taken time.Time, isDue bool) (changed bool) {
	changed = len(desired) != len(s)
	last := cmp.Or(s.syncedAt(), taken)
	for shard, object := range desired {
		isChanged := !isSame(s[shard], object)
		changed = changed || isChanged
		switch {
		case complete && (isChanged || isDue):
			object.Annotations[v1alpha1.SyncedAtAnnotation] = taken.UTC().Format(time.RFC3339)
		case object.Annotations[v1alpha1.SyncedAtAnnotation] == "":
			object.Annotations[v1alpha1.SyncedAtAnnotation] = last.UTC().Format(time.RFC3339)
		}
	}
	return changed
}

// syncedAt is when the last of the ConfigMaps was written by a process that keeps the list.
func (s shards) syncedAt() time.Time {
	var last time.Time
	for _, known := range s {
		at, err := time.Parse(time.RFC3339, known.object.Annotations[v1alpha1.SyncedAtAnnotation])
		if err == nil && at.After(last) {
			last = at
		}
	}
	return last
}

// requestedAt returns the request for a renewal that a reader made last.
func (s shards) requestedAt() string {
	if first := s[0]; first != nil {
		return first.object.Annotations[v1alpha1.RequestedAtAnnotation]
	}
	return ""
}

// renewIn returns when the list's synced-at is due to be renewed: not after now where that of
// one ConfigMap is due, is missing, cannot be read or is in the future.
func (s shards) renewIn(heartbeat time.Duration, now time.Time) time.Duration {
	next := heartbeat
	for _, known := range s {
		syncedAt, err := time.Parse(time.RFC3339, known.object.Annotations[v1alpha1.SyncedAtAnnotation])
		if err != nil || syncedAt.After(now) {
			return 0
		}
		next = min(next, syncedAt.Add(heartbeat).Sub(now))
	}
	return next
}
