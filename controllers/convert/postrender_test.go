package convert

import (
	"fmt"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/kustomize"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// rendered are the images of a release with these values and post-renderers, each as its
// place, without what all places begin with, and its name.
func rendered(values string, renderers ...helmv2.Kustomize) (string, *pin.ReleaseImages) {
	o := &flux.HelmRelease{Spec: flux.HelmReleaseSpec{Values: &apiextensionsv1.JSON{Raw: []byte(values)}}}
	for i := range renderers {
		o.Spec.PostRenderers = append(o.Spec.PostRenderers, helmv2.PostRenderer{Kustomize: &renderers[i]})
	}
	found := ValuesOf(o).Find(nil)
	var lines []string
	for _, m := range found.Mentions {
		if !strings.HasPrefix(m.Path, valuesField) {
			lines = append(lines, strings.TrimPrefix(m.Path, "spec.postRenderers")+" "+m.String())
		}
	}
	return strings.Join(lines, "; "), found
}

func TestPatches(t *testing.T) {
	for patch, want := range map[string]string{
		"spec:\n  image: g.io/o/a:1":                                 "[0].kustomize.patches[0].spec.image g.io/o/a:1",
		"a:\n  image: g.io/o/a:1\n---\nb:\n  image: g.io/o/b:2\n":    "[0].kustomize.patches[0].a.image g.io/o/a:1; [0].kustomize.patches[0].b.image g.io/o/b:2",
		"---\n# nothing\n---\na: {image: 'g.io/o/a:1'}\n---\n":       "[0].kustomize.patches[0].a.image g.io/o/a:1",
		"- {op: add, path: /spec/image, value: 'o/a:1'}":             "[0].kustomize.patches[0][0].image docker.io/o/a:1",
		"- {op: add, path: /stringData/image, value: 'o/a:hunter2'}": "",
		"- {op: add, path: /auth/password/x, value: 'g.io/o/a:1'}":   "",
		"- {op: add, path: /a/clientSecret/b, value: 'g.io/o/a:1'}":  "",
		"- {op: remove, path: /spec/image}":                          "",
		"kind: Secret\nstringData: {image: 'g.io/o/a:1'}":            "",
		"": "",
	} {
		got, found := rendered(`{}`, helmv2.Kustomize{Patches: []kustomize.Patch{{Patch: patch}}})
		if got != want || found.Unknown {
			t.Errorf("%s\n got %s %v\nwant %s", patch, got, found.Problems, want)
		}
	}
	for _, patch := range []string{"a: [hunter2", "- hunter2", "a: b\n---\n*hunter2", "hunter2"} {
		_, found := rendered(`{}`, helmv2.Kustomize{Patches: []kustomize.Patch{{Patch: patch}}})
		if said := fmt.Sprint(found.Problems); !found.Unknown || strings.Contains(said, "hunter2") {
			t.Errorf("%s: unknown is %t, %s", patch, found.Unknown, said)
		}
	}
}

// An image under a new name keeps its tag, unless there is a new one, too.
func TestImagesOfPostRenderers(t *testing.T) {
	const values = `{"a":{"image":"o/a:1"},"b":{"repository":"o/a","tag":"2"},"c":{"image":"g.io/o/c:3"}}`
	images := func(list ...kustomize.Image) helmv2.Kustomize { return helmv2.Kustomize{Images: list} }
	for name, test := range map[string]struct {
		renderers []helmv2.Kustomize
		want      string
	}{
		"a new name": {
			[]helmv2.Kustomize{images(kustomize.Image{Name: "o/a", NewName: "g.io/m/a"})},
			"[0].kustomize.images[0] g.io/m/a:1; [0].kustomize.images[0] g.io/m/a:2",
		},
		"a new name and tag": {
			[]helmv2.Kustomize{images(kustomize.Image{Name: "o/a", NewName: "g.io/m/a", NewTag: "9"})}, "[0].kustomize.images[0] g.io/m/a:9",
		},
		"a new tag, then a new name": {
			[]helmv2.Kustomize{images(kustomize.Image{Name: "o/a", NewTag: "9"}), images(kustomize.Image{Name: "o/a", NewName: "g.io/m/a"})},
			"[0].kustomize.images[0] docker.io/o/a:9; [1].kustomize.images[0] g.io/m/a:9",
		},
		"two new names": {
			[]helmv2.Kustomize{images(kustomize.Image{Name: "g.io/o/c", NewName: "h.io/o/c"}, kustomize.Image{Name: "h.io/o/c", NewName: "i.io/o/c"})},
			"[0].kustomize.images[1] i.io/o/c:3",
		},
		"two images become one": {
			[]helmv2.Kustomize{images(kustomize.Image{Name: "o/a", NewName: "h.io/x"}, kustomize.Image{Name: "g.io/o/c", NewName: "h.io/x"})},
			"[0].kustomize.images[1] h.io/x:1; [0].kustomize.images[1] h.io/x:2; [0].kustomize.images[1] h.io/x:3",
		},
		"an image of the chart": {[]helmv2.Kustomize{images(kustomize.Image{Name: "other", NewName: "g.io/m/other"})}, "[0].kustomize.images[0] g.io/m/other"},
		"its own name":          {[]helmv2.Kustomize{images(kustomize.Image{Name: "o/a", NewName: "o/a"})}, ""},
	} {
		if got, found := rendered(values, test.renderers...); got != test.want || len(found.Problems) > 0 {
			t.Errorf("%s:\n got %s %v\nwant %s", name, got, found.Problems, test.want)
		}
	}
}

// Images that are renamed to and fro take no longer than they must.
func BenchmarkImagesOfPostRenderers(b *testing.B) {
	for _, n := range []int{2_000, 4_000, 8_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var renderer helmv2.Kustomize
			for i := range n {
				renderer.Images = append(renderer.Images, kustomize.Image{Name: fmt.Sprint("o/", i%2), NewName: fmt.Sprint("o/", (i+1)%2)})
			}
			for b.Loop() {
				found := &pin.ReleaseImages{}
				for i := range n {
					found.Mentions = append(found.Mentions, image.Mention{
						Reference: image.Reference{Repository: image.Repository{Host: "docker.io", Path: "o/0"}, Tag: fmt.Sprint(i)},
					})
				}
				addPostImages(found, []helmv2.PostRenderer{{Kustomize: &renderer}})
			}
		})
	}
}
