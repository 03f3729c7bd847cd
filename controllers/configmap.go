package controllers

import (
	"hash/maphash"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// knownConfigMap is a ConfigMap of the list or of the report as it was read or written last.
type knownConfigMap struct {
	// object is without what its Data has of pinsync's, which may be large.
	object *corev1.ConfigMap
	// ours are the fingerprints of that, by key.
	ours map[string]fingerprint
}

func newKnownConfigMap(object *corev1.ConfigMap) *knownConfigMap {
	k := &knownConfigMap{object.DeepCopy(), fingerprints(object.Data)}
	for key := range k.ours {
		delete(k.object.Data, key)
	}
	return k
}

// theirs returns the ConfigMap without any data that is pinsync's.
func (k *knownConfigMap) theirs() *corev1.ConfigMap {
	theirs := k.object.DeepCopy()
	for _, key := range pinlist.Keys() {
		delete(theirs.BinaryData, key)
	}
	return theirs
}

// room returns how many bytes the ConfigMap has for pinsync, beside what others keep in it; nil, there is none
// yet.
func (k *knownConfigMap) room() int {
	room := pinlist.MaxObjectBytes
	if k == nil {
		return room
	}
	theirs := k.theirs()
	for _, value := range theirs.Data {
		room -= len(value)
	}
	for _, value := range theirs.BinaryData {
		room -= len(value)
	}
	return room
}

// fingerprint stands for a text where it is compared with others, in this process.
type fingerprint struct {
	size int
	hash uint64
}

var seed = maphash.MakeSeed() //nolint:gochecknoglobals // fingerprints of one process are compared

// fingerprints returns those of the values that are pinsync's.
func fingerprints(data map[string]string) map[string]fingerprint {
	prints := map[string]fingerprint{}
	for _, key := range pinlist.Keys() {
		if value, ok := data[key]; ok {
			prints[key] = fingerprint{len(value), maphash.String(seed, value)}
		}
	}
	return prints
}

// removeMarks removes the labels and the annotations by which a ConfigMap is pinsync's.
func removeMarks(object *corev1.ConfigMap) {
	delete(object.Labels, v1alpha1.PinsLabel)
	delete(object.Labels, v1alpha1.ReportLabel)
	for _, annotation := range pinlist.Annotations() {
		delete(object.Annotations, annotation)
	}
}

// merge puts an object of a list or a report into its ConfigMap, a new one where there is
// none, and leaves what is not pinsync's. When it was synced stays as it is.
func merge(current *knownConfigMap, namespace, label string, o *pinlist.Object) *corev1.ConfigMap {
	if current == nil {
		current = newKnownConfigMap(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: o.Name}})
	}
	merged := current.theirs()
	syncedAt, isSynced := merged.Annotations[v1alpha1.SyncedAtAnnotation]
	removeMarks(merged)
	set(&merged.Labels, map[string]string{label: "true"})
	set(&merged.Annotations, o.Annotations)
	if isSynced {
		merged.Annotations[v1alpha1.SyncedAtAnnotation] = syncedAt
	}
	set(&merged.Data, o.Data)
	return merged
}

func set(target *map[string]string, values map[string]string) {
	if *target == nil {
		*target = make(map[string]string, len(values))
	}
	maps.Copy(*target, values)
}

// isSame reports whether a ConfigMap is as it should be, which was merged from it: what others keep in it is the same.
// One that does not exist is not.
func isSame(current *knownConfigMap, desired *corev1.ConfigMap) bool {
	return current != nil &&
		maps.Equal(current.object.Labels, desired.Labels) &&
		maps.Equal(current.object.Annotations, desired.Annotations) &&
		maps.Equal(current.ours, fingerprints(desired.Data)) &&
		len(current.object.BinaryData) == len(desired.BinaryData)
}

// isOurs reports whether a ConfigMap of a shard's name has marks of pinsync.
func isOurs(o metav1.Object) bool {
	_, ok := o.GetAnnotations()[v1alpha1.ShardAnnotation]
	return ok || o.GetLabels()[v1alpha1.PinsLabel] == "true" || o.GetLabels()[v1alpha1.ReportLabel] == "true"
}
