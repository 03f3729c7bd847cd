package convert

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"git.oleks.space/oleks/pinsync/internal/image"
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

// The images of init containers and volumes count as those of containers do.
func TestImagesOfEverySort(t *testing.T) {
	o := &appsv1.Deployment{}
	o.Spec.Template.Spec = corev1.PodSpec{
		InitContainers: []corev1.Container{{Image: "g.io/o/init:1"}},
		Containers:     []corev1.Container{{Image: "g.io/o/app:1"}},
		Volumes:        []corev1.Volume{{Name: "scratch"}, imageVolume("model", "g.io/o/model:1"), imageVolume("bad", "")},
	}
	want := []string{"g.io/o/init:1", "g.io/o/app:1", "g.io/o/model:1"}
	if w, ok := WorkloadOf(o); !ok || !slices.Equal(names(w.Images), want) {
		t.Errorf("got %v, want %v", w.Images, want)
	}
}

// names returns the images as they are written.
func names(refs []image.Reference) []string {
	var names []string
	for _, ref := range refs {
		names = append(names, ref.String())
	}
	return names
}

// The old templates of a set are in its ControllerRevisions. What others keep in theirs has no images,
// and is no error.
func TestImagesOfControllerRevisions(t *testing.T) {
	owner := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db", UID: "set"}}
	for name, test := range map[string]struct {
		data   string
		images []string
		ok     bool
	}{
		"a template": {
			`{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"db"}},"spec":{` +
				`"initContainers":[{"name":"init","image":"g.io/o/init:1"}],"containers":[{"name":"db","image":"g.io/o/db:1","resources":{"limits":{"cpu":"100m"}}}]}}}}`,
			[]string{"g.io/o/init:1", "g.io/o/db:1"},
			true,
		},
		"an object of another form": {`{"spec":{"template":"g.io/o/db:1"}}`, nil, false},
		"other fields":              {`{"image":"g.io/o/db:1"}`, nil, true},
		"a list":                    {`["g.io/o/db:1"]`, nil, false},
		"no JSON":                   {`g.io/o/db:1`, nil, false},
		"nothing":                   {``, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, ok := WorkloadOf(&appsv1.ControllerRevision{
				ObjectMeta: metav1.ObjectMeta{
					UID: "revision", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
				},
				Data: runtime.RawExtension{Raw: []byte(test.data)},
			})
			if ok != test.ok || !slices.Equal(names(w.Images), test.images) {
				t.Errorf("got %v, %v", w.Images, ok)
			}
			if ok && (w.UID != "revision" || w.Owner != "set" || w.IsJob) {
				t.Errorf("got %+v", w)
			}
		})
	}
}
