package convert

import (
	"encoding/json"
	"reflect"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/apis/meta"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// contents are those of a release with one object with values and one patch.
func contents(source, targetPath, values, patch string, literal bool) *reading {
	o := &flux.HelmRelease{Spec: flux.HelmReleaseSpec{
		ValuesFrom:    []meta.ValuesReference{{Kind: "ConfigMap", Name: "values", TargetPath: targetPath, Literal: literal}},
		Values:        &apiextensionsv1.JSON{Raw: []byte(values)},
		PostRenderers: []helmv2.PostRenderer{{Kustomize: &helmv2.Kustomize{Patches: []kustomize.Patch{{Patch: patch}}}}},
	}}
	return ValuesOf(o).read(func(ValuesRef) ValuesObject {
		return ValuesObject{Data: map[string]string{"values.yaml": source}}
	})
}

func TestSpecValuesWinOverSources(t *testing.T) {
	r := contents("a: {b: 1, c: 1}\nd: [1]", "", `{"a":{"b":"2"},"d":["2"]}`, "{}", false)
	want := map[string]any{"a": map[string]any{"b": "2", "c": json.Number("1")}, "d": []any{"2"}}
	if got := r.parts[0].Value; !reflect.DeepEqual(got, want) || r.unknown {
		t.Errorf("got %v, %v; want %v", got, r.problems, want)
	}
}

// Where what values come from could not be read, the images are not known; where it is never read, the
// release does without it.
func TestValuesThatCouldNotBeRead(t *testing.T) {
	release := &flux.HelmRelease{Spec: flux.HelmReleaseSpec{ValuesFrom: []meta.ValuesReference{{Kind: SecretKind, Name: "a"}}}}
	for why, want := range map[string]bool{"could not be read: timeout": true, SecretsIgnored: false} {
		found := ValuesOf(release).Find(func(ValuesRef) ValuesObject { return ValuesObject{NotRead: why} })
		if found.Unknown != want || len(found.Problems) != 1 {
			t.Errorf("%s: unknown %t, %v", why, found.Unknown, found.Problems)
		}
	}
}

// A tag of digits that is set at a path is a tag all the same.
func TestTargetPathOfDigits(t *testing.T) {
	r := contents("20240906", "image.tag", `{"image":{"repository":"g.io/o/a"}}`, "{}", false)
	mentions, problems := image.Find(r.parts[0].Value, "spec.values")
	if len(mentions) != 1 || mentions[0].String() != "g.io/o/a:20240906" || len(problems) > 0 {
		t.Errorf("got %+v, %v", mentions, problems)
	}
}

// Whatever a tenant writes, it is read or it is a problem of the release that then
// keeps what it had; it never takes the program down.
func FuzzContents(f *testing.F) {
	f.Add("a: b", "", `{"image":"a"}`, "[{op: add, path: /a, value: b}]", false)
	f.Add("x", "a[0].b", "[]", "a: [", true)
	f.Add("'1'", "a.b\\.c[65535]", `{"a":1}`, "- 1", false)
	f.Add("&a [*a]", "a[-1]", "null", "", false)
	f.Fuzz(func(t *testing.T, source, targetPath, values, patch string, literal bool) {
		r := contents(source, targetPath, values, patch, literal)
		if r.unknown != (len(r.problems) > 0) {
			t.Errorf("unknown is %t, and the problems are %v", r.unknown, r.problems)
		}
		found := pin.FindImages(r.parts)
		addPostImages(found, []helmv2.PostRenderer{{Kustomize: &helmv2.Kustomize{Images: []kustomize.Image{
			{Name: source, NewName: values}, {Name: values, NewTag: patch}, {Name: targetPath, NewName: source, Digest: patch},
		}}}})
	})
}
