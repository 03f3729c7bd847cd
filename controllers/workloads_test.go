package controllers

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// workloadReader is an API server with some objects, by the type of their list, which refuses to list
// others.
type workloadReader struct {
	client.Reader
	objects map[string][]runtime.Object
	refused string
}

func (r *workloadReader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	kind := fmt.Sprintf("%T", list)
	if kind == r.refused {
		return apierrors.NewForbidden(schema.GroupResource{Resource: kind}, "", nil)
	}
	return apimeta.SetList(list, r.objects[kind])
}

// exists reports that there is every HelmRelease but those named gone.
func exists(release object.Name) bool { return release.Name != "gone" }

// running is a pod template with an image.
func running(image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: image}}}}
}

// labelled is the metadata of an object with a uid, which helm-controller has installed for a release;
// empty, it has not.
func labelled(uid, release string) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{UID: types.UID(uid)}
	if release != "" {
		meta.Labels = map[string]string{"helm.toolkit.fluxcd.io/namespace": "apps", "helm.toolkit.fluxcd.io/name": release}
	}
	return meta
}

// tagsOf returns the tags of images, which are sorted.
func tagsOf(refs []image.Reference) string {
	tags := make([]string, len(refs))
	for i := range refs {
		tags[i] = refs[i].Tag
	}
	return strings.Join(tags, " ")
}

// What workloads of the other kinds name counts where one kind may not be read.
func TestOneKindRefused(t *testing.T) {
	reader := &workloadReader{objects: map[string][]runtime.Object{
		"*v1.DeploymentList":  {&appsv1.Deployment{ObjectMeta: labelled("a", "web"), Spec: appsv1.DeploymentSpec{Template: running("g.io/o/app:deployment")}}},
		"*v1.StatefulSetList": {&appsv1.StatefulSet{ObjectMeta: labelled("b", "web"), Spec: appsv1.StatefulSetSpec{Template: running("g.io/o/app:set")}}},
	}}
	for refused, want := range map[string]string{
		"": "deployment set", "*v1.DeploymentList": "set", "*v1.StatefulSetList": "deployment",
	} {
		reader.refused = refused
		found, unread, err := readWorkloads(t.Context(), reader, "apps")
		if err != nil || !strings.Contains(unread.forbidden, refused) || (unread == unreadWorkloads{}) != (refused == "") {
			t.Errorf("refused %q: unread are %+v, %v", refused, unread, err)
		}
		own, _ := found.images(exists)
		if got := tagsOf(own[object.Name{Namespace: "apps", Name: "web"}]); got != want {
			t.Errorf("refused %q: got %s, want %s", refused, got, want)
		}
	}
}

// What a workload names counts for the release that it is traced to, by its owners, too; and for none
// where that leads nowhere.
func TestWorkloadsAreTraced(t *testing.T) {
	of := func(uid, release, owner string) metav1.ObjectMeta {
		meta, isController := labelled(uid, release), true
		if owner != "" {
			meta.OwnerReferences = []metav1.OwnerReference{{UID: types.UID(owner), Controller: &isController}}
		}
		return meta
	}
	revision := func(meta metav1.ObjectMeta, image string) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{ObjectMeta: meta, Data: runtime.RawExtension{Raw: []byte(`{"spec":{"template":{"spec":{"containers":[{"image":"` + image + `"}]}}}}`)}}
	}
	reader := &workloadReader{objects: map[string][]runtime.Object{
		"*v1.StatefulSetList": {
			&appsv1.StatefulSet{ObjectMeta: of("own", "web", ""), Spec: appsv1.StatefulSetSpec{Template: running("g.io/o/app:2")}},
			&appsv1.StatefulSet{ObjectMeta: of("operated", "", "a custom resource"), Spec: appsv1.StatefulSetSpec{Template: running("g.io/o/app:4")}},
		},
		"*v1.ControllerRevisionList": {
			revision(of("a", "", "own"), "g.io/o/app:1"), revision(of("b", "", "operated"), "g.io/o/app:3"), revision(of("c", "", ""), "g.io/o/other:1"),
		},
	}}
	for _, test := range []struct {
		besides              []client.ObjectList
		own, untraced, other string
	}{
		{nil, "2", "4", ""},
		{[]client.ObjectList{&appsv1.ControllerRevisionList{}}, "1 2", "3 4", "1"},
	} {
		found, unread, err := readWorkloads(t.Context(), reader, "apps", test.besides...)
		if err != nil || unread != (unreadWorkloads{}) {
			t.Fatal(unread, err)
		}
		own, untraced := found.images(exists)
		if got := tagsOf(own[object.Name{Namespace: "apps", Name: "web"}]); got != test.own || len(own) != 1 {
			t.Errorf("own are %v, want %s", own, test.own)
		}
		if app, other := tagsOf(untraced["g.io/o/app"]), tagsOf(untraced["g.io/o/other"]); app != test.untraced || other != test.other {
			t.Errorf("untraced are %v", untraced)
		}
	}
}

// What was read for one release counts for all that sleep in the namespace, and is read again for all at once.
func TestWorkloadsAreReadForAll(t *testing.T) {
	ran := &ranImages{exists: exists, attempts: map[string]time.Time{}, failures: map[string]string{}, readFor: map[readTurn]time.Time{}}
	id := func(name string) object.ID {
		return object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: name}}
	}
	at := time.Now()
	read := func(tag string, due ...string) {
		var releases []*pin.Release
		for _, name := range due {
			releases = append(releases, &pin.Release{ID: id(name), Revision: "1"})
		}
		found := namespaceWorkloads{}
		for _, name := range []string{"a", "b", "gone"} {
			found[types.UID(name)] = convert.Workload{Release: id(name).Name, Images: []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "o/" + name}, Tag: tag}}}
		}
		ran.take("apps", releases, at, found, unreadWorkloads{}, nil)
	}
	expect := func(name, tag string, next time.Duration) {
		t.Helper()
		known := ran.known.Peek(id(name))
		if own, untraced := tagsOf(known.images.Images), tagsOf(known.images.Untraced["g.io/o/gone"]); own != tag || untraced == "" {
			t.Errorf("%s: its own are %q, want %q; untraced are %q", name, own, tag, untraced)
		}
		if known.isDue(known.at.Add(next-time.Second)) || !known.isDue(known.at.Add(next)) {
			t.Errorf("%s is not read again %s after it was read", name, next)
		}
	}
	read("1", "a")
	expect("a", "1", time.Minute)
	at = at.Add(time.Minute)
	read("2", "b")
	expect("a", "2", 10*time.Minute)
	before := ran.known.Peek(id("a")).images
	read("2", "b")
	if ran.known.Peek(id("a")).images != before {
		t.Error("what has not changed is kept anew, and all is planned anew for it")
	}
	expect("b", "2", time.Minute)
	for range 5 {
		at = at.Add(time.Hour)
		read("3", "a")
	}
	expect("a", "3", 30*time.Minute)
	expect("b", "3", 30*time.Minute)
}

// That workloads name more images than count is seen in what is kept of them.
func TestMoreImagesThanCount(t *testing.T) {
	web, found := object.Name{Namespace: "apps", Name: "web"}, namespaceWorkloads{}
	for i := range budget.WorkloadImages + 10 {
		ref := image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/app"}, Tag: fmt.Sprint(i)}
		found[types.UID(fmt.Sprint("own-", i))] = convert.Workload{Release: web, Images: []image.Reference{ref}}
		found[types.UID(fmt.Sprint("untraced-", i))] = convert.Workload{Images: []image.Reference{ref}}
	}
	own, untraced := found.images(exists)
	if a, b := len(own[web]), len(untraced["g.io/o/app"]); a != budget.WorkloadImages+1 || b != budget.UntracedImages+1 {
		t.Errorf("%d and %d images, want one more than %d and %d", a, b, budget.WorkloadImages, budget.UntracedImages)
	}
}

// Of many images of no known release so many are kept, and no more are read than that many workloads name.
func TestUntracedImagesAreLimited(t *testing.T) {
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: make([]corev1.Container, 200)}}
	deployments := make([]runtime.Object, maxWorkloadImages/200+2)
	for i := range deployments {
		t := template.DeepCopy()
		for j := range t.Spec.Containers {
			t.Spec.Containers[j].Image = fmt.Sprintf("g.io/o/a%d-%d:1", i, j)
		}
		deployments[i] = &appsv1.Deployment{ObjectMeta: labelled(fmt.Sprint(i), ""), Spec: appsv1.DeploymentSpec{Template: *t}}
	}
	reader := &workloadReader{objects: map[string][]runtime.Object{"*v1.DeploymentList": deployments}}
	found, unread, err := readWorkloads(t.Context(), reader, "apps")
	if err != nil || len(found) != len(deployments)-1 || !strings.Contains(unread.tooMuch, "apps has more than") {
		t.Fatalf("%d of %d workloads were read, %+v, %v", len(found), len(deployments), unread, err)
	}
	_, untraced := found.images(exists)
	kept, isCut := merged(nil, untraced)
	if len(kept) != maxUntraced || !isCut {
		t.Errorf("%d images are kept, want %d", len(kept), maxUntraced)
	}
	if again, isCut := merged(kept, untraced); !maps.EqualFunc(again, kept, slices.Equal) || !isCut {
		t.Errorf("%d images are kept, want the %d that there were", len(again), len(kept))
	}
	if all, isCut := merged(kept, kept); len(all) != len(kept) || isCut {
		t.Errorf("of the same images %d are kept, cut: %t", len(all), isCut)
	}
}

// Objects count that nothing is kept of: no namespace is read without end.
func TestObjectsAreLimited(t *testing.T) {
	revisions := make([]runtime.Object, maxWorkloads+1)
	for i := range revisions {
		revisions[i] = &appsv1.ControllerRevision{ObjectMeta: labelled(fmt.Sprint(i), ""), Data: runtime.RawExtension{Raw: []byte(`"none"`)}}
	}
	reader := &workloadReader{objects: map[string][]runtime.Object{"*v1.ControllerRevisionList": revisions}}
	found, unread, err := readWorkloads(t.Context(), reader, "apps", &appsv1.ControllerRevisionList{})
	if err != nil || len(found) > 0 || !strings.Contains(unread.tooMuch, "apps has more than 20000") {
		t.Errorf("%d workloads were read, %+v, %v", len(found), unread, err)
	}
}

// What no release is known for is kept once for a namespace, all that was read of it; and nothing of it for
// releases of another.
func TestUntracedImagesAreShared(t *testing.T) {
	ran := &ranImages{exists: exists, attempts: map[string]time.Time{}, failures: map[string]string{}, readFor: map[readTurn]time.Time{}}
	read := func(namespace, release, tag string, installed ...string) {
		tagged := func(tag string) []image.Reference {
			return []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "o/app"}, Tag: tag}}
		}
		found := namespaceWorkloads{"operated": {Images: tagged(tag)}}
		for _, name := range installed {
			found[types.UID(name)] = convert.Workload{Release: object.Name{Namespace: namespace, Name: name}, Images: tagged(name)}
		}
		due := []*pin.Release{{ID: object.ID{Name: object.Name{Namespace: namespace, Name: release}}}}
		ran.take(namespace, due, time.Now(), found, unreadWorkloads{}, nil)
	}
	read("apps", "a", "1", "a")
	read("shop", "c", "1", "c")
	read("apps", "b", "2", "a", "b")
	for release, want := range map[object.Name]string{
		{Namespace: "apps", Name: "a"}: "1 2", {Namespace: "apps", Name: "b"}: "1 2", {Namespace: "shop", Name: "c"}: "1",
	} {
		known := ran.known.Peek(object.ID{Name: release})
		if other := ran.known.Peek(object.ID{Name: object.Name{Namespace: release.Namespace, Name: "b"}}); other != nil &&
			reflect.ValueOf(known.images.Untraced).Pointer() != reflect.ValueOf(other.images.Untraced).Pointer() {
			t.Errorf("what no release is known for is kept for %s alone", release)
		}
		if own, untraced := tagsOf(known.images.Images), tagsOf(known.images.Untraced["g.io/o/app"]); own != release.Name || untraced != want {
			t.Errorf("%s: its own are %s, and untraced %s", release, own, untraced)
		}
	}
}
