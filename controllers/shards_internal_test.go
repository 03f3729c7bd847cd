package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A list that was written in part, or was changed since, is recognized.
func TestAreWhole(t *testing.T) {
	shard := func(annotation, lines string) *corev1.ConfigMap {
		return &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"pinsync.oleks.space/shard": annotation}},
			Data:       map[string]string{"registry-pins.txt": lines},
		}
	}
	three := func(change func(map[int]*corev1.ConfigMap)) map[int]*corev1.ConfigMap {
		objects := map[int]*corev1.ConfigMap{0: shard("0/3", "a"), 1: shard("1/3", "b"), 2: shard("2/3", "c")}
		objects[0].Annotations["pinsync.oleks.space/shards"] = digestOf([]*corev1.ConfigMap{objects[1], objects[2]})
		change(objects)
		return objects
	}
	for name, test := range map[string]struct {
		objects map[int]*corev1.ConfigMap
		want    bool
	}{
		"nothing":      {nil, true},
		"one":          {map[int]*corev1.ConfigMap{0: shard("0/1", "a")}, true},
		"by hand":      {map[int]*corev1.ConfigMap{0: {}}, true},
		"no first":     {map[int]*corev1.ConfigMap{1: shard("1/2", "a")}, false},
		"less than it": {map[int]*corev1.ConfigMap{0: shard("0/2", "a")}, false},
		"nonsense":     {map[int]*corev1.ConfigMap{0: shard("0/-1", "a")}, false},
		"too many":     {map[int]*corev1.ConfigMap{0: shard("0/999999999999", "a")}, false},
		"three":        {three(func(map[int]*corev1.ConfigMap) {}), true},
		"a leftover":   {three(func(o map[int]*corev1.ConfigMap) { o[3] = shard("3/4", "d") }), true},
		"one is gone":  {three(func(o map[int]*corev1.ConfigMap) { delete(o, 1) }), false},
		"one is new":   {three(func(o map[int]*corev1.ConfigMap) { o[2].Data["registry-pins.txt"] = "new" }), false},
		"one is empty": {three(func(o map[int]*corev1.ConfigMap) { o[1].Data = nil }), false},
	} {
		if got := shards(test.objects).areWhole(); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
