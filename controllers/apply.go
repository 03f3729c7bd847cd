package controllers

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/list"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// fieldOwner is the controller's name in the ConfigMaps' managed fields.
const fieldOwner = client.FieldOwner("pinsync")

// roomPerObject is how many bytes of pinsync's one ConfigMap holds at most. The API
// server takes 1 MiB of data.
const roomPerObject = 900 << 10

// apply writes the report to the ConfigMaps where they say something else, or where
// their synced-at is due, and returns when it is due next.
func (r *Reconciler) apply(ctx context.Context, report *v1alpha1.PinReport, s *pin.Snapshot) (renewIn time.Duration, err error) {
	memory := pin.MemoryOf(report)
	parts, size, err := pin.Spread(report, r.salt(s), len(r.list.objects), r.room)
	if err != nil {
		r.list.remember(memory)
		return 0, err
	}
	desired := make([]*corev1.ConfigMap, len(parts))
	for i := range parts {
		desired[i] = r.render(i, len(parts), &parts[i], s.Complete())
	}
	if len(desired) > 1 {
		desired[0].Annotations[v1alpha1.ShardsAnnotation] = digestOf(desired[1:])
	} else {
		delete(desired[0].Annotations, v1alpha1.ShardsAnnotation)
	}
	changed := r.stamp(desired, s)
	if changed {
		r.written = time.Now()
	}
	if err := r.list.write(ctx, desired, memory); err != nil {
		return 0, err
	}
	r.meters.published(s.Complete(), syncedAt(r.list.objects), size, pin.MostTold*roomPerObject, len(parts))
	if changed {
		log.FromContext(ctx).Info("Wrote the list", "pins", len(report.Pins), "complete", s.Complete(),
			"releases", len(report.Releases), "objects", len(parts))
	}
	return r.renewIn(s), nil
}

// stamp says in the ConfigMaps that are written, and in all where that is due, when the
// list was last known to be current. It says whether any has something new to say.
func (r *Reconciler) stamp(desired []*corev1.ConfigMap, s *pin.Snapshot) (changed bool) {
	changed = len(desired) != len(r.list.objects)
	isDue := r.renewIn(s) <= 0
	last := syncedAt(r.list.objects)
	if last.IsZero() {
		last = s.Taken
	}
	for i, object := range desired {
		isChanged := !isSame(r.list.objects[i], object)
		changed = changed || isChanged
		switch {
		case s.Complete() && (isChanged || isDue):
			object.Annotations[v1alpha1.SyncedAtAnnotation] = s.Taken.UTC().Format(time.RFC3339)
		case object.Annotations[v1alpha1.SyncedAtAnnotation] == "":
			object.Annotations[v1alpha1.SyncedAtAnnotation] = last.UTC().Format(time.RFC3339)
		}
	}
	return changed
}

// salt is what tenants do not know and never changes: the uid of the list's namespace.
func (r *Reconciler) salt(s *pin.Snapshot) string {
	for i := range s.Namespaces {
		if s.Namespaces[i].Name == r.options.Namespace {
			return s.Namespaces[i].UID
		}
	}
	return ""
}

// room is how many bytes a shard's ConfigMap has for the list, beside what others keep
// in it.
func (r *Reconciler) room(shard int) int {
	room := roomPerObject
	if object := r.list.objects[shard]; object != nil {
		theirs := withoutOurs(object)
		for _, value := range theirs.Data {
			room -= len(value)
		}
		for _, value := range theirs.BinaryData {
			room -= len(value)
		}
	}
	return room
}

// withoutOurs returns a ConfigMap without the data that is pinsync's.
func withoutOurs(object *corev1.ConfigMap) *corev1.ConfigMap {
	theirs := object.DeepCopy()
	for _, key := range list.Keys() {
		delete(theirs.Data, key)
		delete(theirs.BinaryData, key)
	}
	return theirs
}

func annotationKeys() []string {
	return []string{
		v1alpha1.SyncedAtAnnotation, v1alpha1.CompleteAnnotation, v1alpha1.ChecksumAnnotation,
		v1alpha1.CountAnnotation, v1alpha1.ShardAnnotation, v1alpha1.ShardsAnnotation,
	}
}

// render puts a part of the list into its ConfigMap, a new one where there is none, and
// leaves what is not pinsync's.
func (r *Reconciler) render(shard, shards int, part *pin.Part, complete bool) *corev1.ConfigMap {
	configMap := r.list.objects[shard].DeepCopy()
	if configMap == nil {
		configMap = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: r.list.name.Namespace, Name: list.ObjectName(r.list.name.Name, shard),
		}}
	}
	set(&configMap.Labels, map[string]string{v1alpha1.PinsLabel: "true"})
	set(&configMap.Annotations, map[string]string{
		v1alpha1.CompleteAnnotation: strconv.FormatBool(complete),
		v1alpha1.ChecksumAnnotation: list.Checksum(part.Lines),
		v1alpha1.CountAnnotation:    strconv.Itoa(strings.Count(part.Lines, "\n")),
		v1alpha1.ShardAnnotation:    list.Shard(shard, shards),
	})
	set(&configMap.Data, map[string]string{
		v1alpha1.PinsKey:   part.Lines,
		v1alpha1.ImagesKey: part.Images,
		v1alpha1.ReportKey: part.Report,
	})
	for _, key := range list.Keys() {
		delete(configMap.BinaryData, key)
	}
	return configMap
}

func set(target *map[string]string, values map[string]string) {
	if *target == nil {
		*target = make(map[string]string, len(values))
	}
	maps.Copy(*target, values)
}

// isSame says whether a ConfigMap has nothing to be changed. One that is not there
// always has.
func isSame(current, desired *corev1.ConfigMap) bool {
	return current != nil &&
		maps.Equal(current.Labels, desired.Labels) &&
		maps.Equal(current.Annotations, desired.Annotations) &&
		maps.Equal(current.Data, desired.Data) &&
		len(current.BinaryData) == len(desired.BinaryData)
}

// renewIn returns when the list's synced-at is due to be renewed: not after now where
// one of the objects' is due, is missing, cannot be read or is in the future.
func (r *Reconciler) renewIn(s *pin.Snapshot) time.Duration {
	next := r.options.Heartbeat
	for _, object := range r.list.objects {
		syncedAt, err := time.Parse(time.RFC3339, object.Annotations[v1alpha1.SyncedAtAnnotation])
		if err != nil || syncedAt.After(s.Taken) {
			return 0
		}
		next = min(next, syncedAt.Add(r.options.Heartbeat).Sub(s.Taken))
	}
	return next
}
