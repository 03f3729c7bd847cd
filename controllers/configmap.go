package controllers

import (
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/list"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// maxObjectBytes is how many bytes of pinsync's one ConfigMap holds at most. The API server
// takes 1 MiB of data.
const maxObjectBytes = 900 << 10

// roomIn returns how many bytes a ConfigMap has for the list, beside what others keep in it.
func roomIn(object *corev1.ConfigMap) int {
	room := maxObjectBytes
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
	for _, key := range list.Keys() {
		delete(theirs.Data, key)
		delete(theirs.BinaryData, key)
	}
	return theirs
}

// removeMarks removes the label and the annotations by which a ConfigMap is pinsync's.
func removeMarks(object *corev1.ConfigMap) {
	delete(object.Labels, v1alpha1.PinsLabel)
	for _, annotation := range []string{
		v1alpha1.SyncedAtAnnotation, v1alpha1.CompleteAnnotation, v1alpha1.ChecksumAnnotation,
		v1alpha1.CountAnnotation, v1alpha1.ShardAnnotation, v1alpha1.ShardsAnnotation,
	} {
		delete(object.Annotations, annotation)
	}
}

// isOurs reports whether a ConfigMap that has a shard's name was written by pinsync.
func isOurs(shard int, o metav1.Object) bool {
	_, ok := o.GetAnnotations()[v1alpha1.ShardAnnotation]
	return shard == 0 || ok || o.GetLabels()[v1alpha1.PinsLabel] == "true"
}

// render puts a part of the list into its ConfigMap, a new one where there is none, and leaves
// what is not pinsync's.
func render(current *corev1.ConfigMap, name types.NamespacedName, shard, shards int, part *pin.Part, complete bool) *corev1.ConfigMap {
	configMap := current.DeepCopy()
	if configMap == nil {
		configMap = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: name.Namespace, Name: list.ObjectName(name.Name, shard),
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

// isSame reports whether a ConfigMap is as it should be. One that does not exist is not.
func isSame(current, desired *corev1.ConfigMap) bool {
	return current != nil &&
		maps.Equal(current.Labels, desired.Labels) &&
		maps.Equal(current.Annotations, desired.Annotations) &&
		maps.Equal(current.Data, desired.Data) &&
		len(current.BinaryData) == len(desired.BinaryData)
}
