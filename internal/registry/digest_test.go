package registry

import (
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// A digest beside a tag is what is pulled, and the tag is what keeps it.
func TestDigestBesideTag(t *testing.T) {
	m := manifests{}
	there := m.add("tag", ocispec.MediaTypeImageManifest, "{}")
	moved := digestOf("{moved}")
	children := m.index(t, "multi", ocispec.MediaTypeImageIndex)
	index := digestOf(m["multi"].text)
	delete(m, children[0])
	host := registryOf(t, m.ServeHTTP)
	for name, test := range map[string]struct {
		tag, digest string
		status      v1alpha1.ImageStatus
		message     string
	}{
		"both":             {"tag", there, v1alpha1.ImagePresent, "a resume pulls the digest"},
		"the tag alone":    {"tag", moved, v1alpha1.ImageMissing, "the tag is there, but not the digest"},
		"the digest alone": {"gone", there, v1alpha1.ImageMissing, "no such tag, but still the digest"},
		"neither":          {"gone", moved, v1alpha1.ImageMissing, "neither the tag nor the digest"},
		"a child is gone":  {"tag", index, v1alpha1.ImageIncomplete, "which a resume pulls: its index has a child manifest"},
		"no digest":        {"tag", "", v1alpha1.ImagePresent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ref := image.Reference{Repository: image.Repository{Host: host, Path: "o/a"}, Tag: test.tag, Digest: test.digest}
			expect(t, anonymous(host).Check(t.Context(), []image.Reference{ref}, func() {})[0], test.status, test.message)
		})
	}
}
