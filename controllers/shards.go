package controllers

import (
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/list"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// shards are the ConfigMaps that a list is spread over.
type shards map[int]*corev1.ConfigMap

// parts returns what the ConfigMaps have of the list.
func (s shards) parts() []pin.Part {
	var all []pin.Part
	for _, object := range s {
		// One that somebody else has made, of the same name, has nothing.
		if lines, ok := object.Data[v1alpha1.PinsKey]; ok || object.Data[v1alpha1.ReportKey] != "" {
			all = append(all, pin.Part{
				Lines: lines, Images: object.Data[v1alpha1.ImagesKey], Report: object.Data[v1alpha1.ReportKey],
			})
		}
	}
	return all
}

// areWhole reports whether all shards are there, and as they were when the last of them was
// written.
func (s shards) areWhole() bool {
	first := s[0]
	if first == nil {
		return len(s) == 0
	}
	_, count, _ := strings.Cut(first.Annotations[v1alpha1.ShardAnnotation], "/")
	n, err := strconv.Atoi(count)
	if err != nil {
		return len(s) == 1 // written by hand
	}
	if n < 1 || n > len(s) {
		return false
	}
	others := make([]*corev1.ConfigMap, n)
	for i := range others {
		if others[i] = s[i]; others[i] == nil {
			return false
		}
	}
	return n == 1 || first.Annotations[v1alpha1.ShardsAnnotation] == digestOf(others[1:])
}

// digestOf is the digest of the data of ConfigMaps.
func digestOf(objects []*corev1.ConfigMap) string {
	data := make([]map[string]string, len(objects))
	for i := range objects {
		data[i] = objects[i].Data
	}
	return list.Digest(data)
}

func (s shards) haveDataOf(other shards) bool {
	return maps.EqualFunc(s, other, func(a, b *corev1.ConfigMap) bool { return maps.Equal(a.Data, b.Data) })
}

// syncedAt is when the last of the ConfigMaps was written by someone who keeps the list.
func (s shards) syncedAt() time.Time {
	var last time.Time
	for _, object := range s {
		at, err := time.Parse(time.RFC3339, object.Annotations[v1alpha1.SyncedAtAnnotation])
		if err == nil && at.After(last) {
			last = at
		}
	}
	return last
}

// renewIn returns when the list's synced-at is due to be renewed: not after now where that of
// one ConfigMap is due, is missing, cannot be read or is in the future.
func (s shards) renewIn(heartbeat time.Duration, now time.Time) time.Duration {
	next := heartbeat
	for _, object := range s {
		syncedAt, err := time.Parse(time.RFC3339, object.Annotations[v1alpha1.SyncedAtAnnotation])
		if err != nil || syncedAt.After(now) {
			return 0
		}
		next = min(next, syncedAt.Add(heartbeat).Sub(now))
	}
	return next
}
