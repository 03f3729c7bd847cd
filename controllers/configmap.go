package controllers

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// roomIn returns how many bytes a ConfigMap has for pinsync, beside what others keep in it.
func roomIn(object *corev1.ConfigMap) int {
	room := pinlist.MaxObjectBytes
	if object == nil {
		return room
	}
	theirs := withoutOurs(object)
	for _, value := range theirs.Data {
		room -= len(value)
	}
	for _, value := range theirs.BinaryData {
		room -= len(value)
	}
	return room
}

// withoutOurs returns a ConfigMap without the data that is pinsync's.
func withoutOurs(object *corev1.ConfigMap) *corev1.ConfigMap {
	theirs := object.DeepCopy()
	for _, key := range pinlist.Keys() {
		delete(theirs.Data, key)
		delete(theirs.BinaryData, key)
	}
	return theirs
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
func merge(current *corev1.ConfigMap, namespace, label string, o *pinlist.Object) *corev1.ConfigMap {
	if current == nil {
		current = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: o.Name}}
	}
	merged := withoutOurs(current)
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

// isSame reports whether a ConfigMap is as it should be. One that does not exist is not.
func isSame(current, desired *corev1.ConfigMap) bool {
	return current != nil &&
		maps.Equal(current.Labels, desired.Labels) &&
		maps.Equal(current.Annotations, desired.Annotations) &&
		maps.Equal(current.Data, desired.Data) &&
		len(current.BinaryData) == len(desired.BinaryData)
}

// isOurs reports whether a ConfigMap of a shard's name has marks of pinsync.
func isOurs(o metav1.Object) bool {
	_, ok := o.GetAnnotations()[v1alpha1.ShardAnnotation]
	return ok || o.GetLabels()[v1alpha1.PinsLabel] == "true" || o.GetLabels()[v1alpha1.ReportLabel] == "true"
}

// hasOurs reports whether a ConfigMap has data that is pinsync's.
func hasOurs(object *corev1.ConfigMap) bool {
	return slices.ContainsFunc(pinlist.Keys(), func(key string) bool { _, ok := object.Data[key]; return ok })
}
