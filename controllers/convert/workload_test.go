package convert

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Of a workload with very many containers each image counts once, and only so many.
func TestImagesOfManyContainers(t *testing.T) {
	for name, test := range map[string]struct {
		image func(i int) string
		want  int
	}{
		"equal":  {func(int) string { return "g.io/o/app:v1" }, 1},
		"others": {func(i int) string { return fmt.Sprint("g.io/o/app:", i) }, maxImages},
	} {
		o := &appsv1.Deployment{}
		for i := range maxImages + 10 {
			o.Spec.Template.Spec.Containers = append(o.Spec.Template.Spec.Containers, corev1.Container{Image: test.image(i)})
		}
		w, ok := WorkloadOf(o)
		if !ok || len(w.Images) != test.want {
			t.Errorf("%s: %d images, want %d", name, len(w.Images), test.want)
		}
	}
}
