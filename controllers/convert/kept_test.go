package convert

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/apis/meta"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/link"
)

// anyRelease draws a HelmRelease with everything that pins may depend on.
func anyRelease(t *rapid.T) *flux.HelmRelease {
	image := rapid.SampledFrom([]string{"g.io/o/a:V1", "o/a", "g.io/o/b@sha256:x", "", "not an image"})
	o := &flux.HelmRelease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "apps", Name: "web", UID: "1", ResourceVersion: "7", Generation: 3,
		Annotations: map[string]string{
			v1alpha1.SyncAnnotation:          rapid.SampledFrom([]string{"enabled", "disabled", "x"}).Draw(t, "sync"),
			v1alpha1.ImagePoliciesAnnotation: rapid.SampledFrom([]string{"", "web, flux-system/web"}).Draw(t, "policies"),
			"theirs":                         "x",
		},
	}}
	o.Spec.Suspend = rapid.Bool().Draw(t, "suspend")
	o.Spec.TargetNamespace = rapid.SampledFrom([]string{"", "other"}).Draw(t, "targetNamespace")
	o.Spec.ReleaseName = rapid.SampledFrom([]string{"", "web-release"}).Draw(t, "releaseName")
	if rapid.Bool().Draw(t, "chartRef") {
		o.Spec.ChartRef = &flux.ChartReference{Name: "chart"}
	} else {
		o.Spec.Chart = &flux.ChartTemplate{Spec: flux.ChartTemplateSpec{Chart: "charts/web"}}
	}
	if rapid.Bool().Draw(t, "other cluster") {
		o.Spec.KubeConfig = &flux.RemoteCluster{}
	}
	values, err := json.Marshal(map[string]any{
		"image":     image.Draw(t, "image"),
		"component": map[string]any{"repository": image.Draw(t, "repository"), "tag": rapid.SampledFrom([]any{"v1", 20240906, nil}).Draw(t, "tag")},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Spec.Values = &apiextensionsv1.JSON{Raw: rapid.SampledFrom([][]byte{values, []byte("[1]"), nil}).Draw(t, "values")}
	for _, kind := range rapid.SliceOfN(rapid.SampledFrom([]string{"ConfigMap", "Secret"}), 0, 2).Draw(t, "valuesFrom") {
		o.Spec.ValuesFrom = append(o.Spec.ValuesFrom, meta.ValuesReference{
			Kind: kind, Name: rapid.SampledFrom([]string{"values", "none"}).Draw(t, "name"), Optional: rapid.Bool().Draw(t, "optional"),
			TargetPath: rapid.SampledFrom([]string{"", "image"}).Draw(t, "targetPath"),
		})
	}
	if rapid.Bool().Draw(t, "postRenderers") {
		o.Spec.PostRenderers = []helmv2.PostRenderer{{Kustomize: &helmv2.Kustomize{
			Images:  []kustomize.Image{{Name: "a", NewName: image.Draw(t, "newName"), NewTag: "v2"}},
			Patches: []kustomize.Patch{{Patch: rapid.SampledFrom([]string{"image: g.io/o/p:1", "{"}).Draw(t, "patch")}},
		}}}
	}
	o.Status.Conditions = flux.Conditions{{
		Type: meta.ReadyCondition, ObservedGeneration: 3,
		Status: rapid.SampledFrom([]metav1.ConditionStatus{"True", "False"}).Draw(t, "ready"),
	}}
	return o
}

func someValues(ref ValuesRef) ValuesObject {
	switch {
	case ref.Kind == SecretKind:
		return ValuesObject{NotRead: SecretsIgnored}
	case ref.Name.Name == "none":
		return ValuesObject{}
	default:
		return ValuesObject{Data: map[string]string{"values.yaml": "g.io/o/source:1"}}
	}
}

// What a cache keeps of an object is the same as what the whole object has, wherever that is
// used.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, all := anyRelease(t), rapid.Bool().Draw(t, "all")
		whole := Release(o)
		whole.Images = ValuesOf(o).Find(someValues)
		object, err := Keep(all, always)(o.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		kept, ok := object.(*Kept[KeptRelease])
		if !ok || kept.UID != o.UID || kept.ResourceVersion != o.ResourceVersion || kept.Generation != o.Generation || len(kept.Annotations) > 0 {
			t.Errorf("its metadata is %+v", kept.ObjectMeta)
		}
		hasValues := kept.Value.Release.Images != nil || kept.Value.Values != nil
		if hasValues != (all || o.Spec.Suspend) {
			t.Errorf("contents are kept: %t", hasValues)
		}
		// What is not kept is read again in full.
		for _, kept := range []*Kept[KeptRelease]{kept, KeepWhole(o, always)} {
			release := kept.Value.Release
			switch {
			case kept.Value.Values != nil:
				release.Images = kept.Value.Values.Find(someValues)
			case release.Images == nil:
				release.Images = whole.Images
			}
			if !reflect.DeepEqual(release, whole) {
				t.Errorf("kept %+v, %+v, whole %+v, %+v", release, release.Images, whole, whole.Images)
			}
		}
	})
}

// What comes to a transform that it has transformed, or does not know, passes as it is.
func TestTransformsPassOthers(t *testing.T) {
	transform := Keep(true, always)
	for _, object := range []any{
		&flux.HelmRelease{}, &flux.ImagePolicy{}, &flux.ImageRepository{}, &metav1.PartialObjectMetadata{},
	} {
		kept, err := transform(object)
		if err != nil || reflect.TypeOf(kept) == reflect.TypeOf(object) {
			t.Fatalf("%T is kept as %T, %v", object, kept, err)
		}
		configMap := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", Labels: map[string]string{"c": "d"}}}
		for _, other := range []any{kept, toolscache.DeletedFinalStateUnknown{Key: "a/b", Obj: kept}, configMap, "text", nil} {
			if again, err := transform(other); err != nil || !reflect.DeepEqual(again, other) {
				t.Errorf("%v became %v, %v", other, again, err)
			}
		}
	}
}

// A policy and a repository are kept as they are converted: nothing else of them is read.
func TestPoliciesAreKept(t *testing.T) {
	o := &flux.ImagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "web", Generation: 2}}
	o.Spec.ImageRepositoryRef.Name = "web"
	o.Status.LatestRef = &imagev1.ImageRef{Name: "g.io/o/web", Tag: "v1"}
	object, err := Keep(false, always)(o)
	if err != nil {
		t.Fatal(err)
	}
	if kept, ok := object.(*Kept[link.Policy]); !ok || kept.Value != Policy(o) || kept.Generation != 2 || kept.Name != "web" {
		t.Errorf("kept %+v", kept)
	}
}

// always is a namespace whose share suffices.
func always(string, int) bool { return true }

// A release in whose values no images may be found now is kept without them.
func TestKeepWithoutShare(t *testing.T) {
	o := &flux.HelmRelease{Spec: flux.HelmReleaseSpec{Suspend: true, Values: &apiextensionsv1.JSON{Raw: []byte(`{"text":"` + strings.Repeat("x", 20_000) + `"}`)}}}
	o.Namespace = "apps"
	var asked []string
	kept := KeepWhole(o, func(namespace string, bytes int) bool {
		asked = append(asked, fmt.Sprint(namespace, " ", bytes > 10_000))
		return false
	})
	if kept.Value.Values != nil || kept.Value.Release.Images != nil || !slices.Equal(asked, []string{"apps true"}) {
		t.Errorf("kept %+v after asking for %v", kept.Value, asked)
	}
}

// A cache keeps no values that are large, and no images that are many; whoever reads the release gets all.
func TestKeepSmall(t *testing.T) {
	from := []meta.ValuesReference{{Kind: "ConfigMap", Name: "values"}}
	long := strings.Repeat("x", budget.FreeBytes)
	images := func(n int) string {
		return `{"images":["g.io/o/a:1"` + strings.Repeat(`,"g.io/o/a:1"`, n-1) + `]}`
	}
	broken := `{"image":["!"` + strings.Repeat(`,"!"`, budget.CachedMentions) + `]}`
	for name, test := range map[string]struct {
		spec flux.HelmReleaseSpec
		want bool
	}{
		"small values":             {flux.HelmReleaseSpec{Values: &apiextensionsv1.JSON{Raw: []byte(`{"a":1}`)}, ValuesFrom: from}, true},
		"large values":             {flux.HelmReleaseSpec{Values: &apiextensionsv1.JSON{Raw: []byte(`{"a":"` + long + `"}`)}, ValuesFrom: from}, false},
		"large values, not merged": {flux.HelmReleaseSpec{Values: &apiextensionsv1.JSON{Raw: []byte(`{"a":"` + long + `"}`)}}, true},
		"a large reference":        {flux.HelmReleaseSpec{ValuesFrom: []meta.ValuesReference{{Kind: "ConfigMap", Name: "values", TargetPath: long}}}, false},
		"a large patch": {flux.HelmReleaseSpec{ValuesFrom: from, PostRenderers: []helmv2.PostRenderer{{
			Kustomize: &helmv2.Kustomize{Patches: []kustomize.Patch{{Patch: long}}},
		}}}, false},
		"some images":   {flux.HelmReleaseSpec{Values: &apiextensionsv1.JSON{Raw: []byte(images(budget.CachedMentions))}}, true},
		"many images":   {flux.HelmReleaseSpec{Values: &apiextensionsv1.JSON{Raw: []byte(images(budget.CachedMentions + 1))}}, false},
		"many problems": {flux.HelmReleaseSpec{Values: &apiextensionsv1.JSON{Raw: []byte(broken)}}, false},
	} {
		o := &flux.HelmRelease{Spec: test.spec}
		o.Spec.Suspend = true
		small, whole := KeepSmall(o, always).Value, KeepWhole(o, always).Value
		if got := small.Values != nil || small.Release.Images != nil; got != test.want || small.Chart == nil {
			t.Errorf("%s: kept: %t, want %t", name, got, test.want)
		}
		if whole.Values == nil && whole.Release.Images == nil {
			t.Errorf("%s: not kept of the whole", name)
		}
	}
}

// Objects of a namespace share its name, and so does what they are converted to.
func TestNamespacesAreShared(t *testing.T) {
	var names []string
	var all []any
	for _, o := range []*flux.HelmRelease{{}, {Spec: flux.HelmReleaseSpec{Suspend: true}}} {
		o.SetNamespace(strings.Clone("apps"))
		object, err := Keep(false, always)(o)
		kept, ok := object.(*Kept[KeptRelease])
		if err != nil || !ok {
			t.Fatal(err)
		}
		names = append(names, kept.Namespace, kept.Value.Release.Namespace)
		all = append(all, kept)
	}
	for _, name := range names {
		if name != "apps" || unsafe.StringData(name) != unsafe.StringData(names[0]) {
			t.Errorf("%q is not shared", name)
		}
	}
	runtime.KeepAlive(all)
}
