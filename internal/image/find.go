package image

import (
	"maps"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Mention is a place in a release that names an image.
type Mention struct {
	// Path is where: spec.values.image.
	Path string

	// Reference is the image. Its tag is empty where the chart chooses it; its
	// repository is empty where only a tag is there.
	Reference

	// Implied says that no tag was named, so that latest is meant.
	Implied bool

	// Hostless says that no registry was named, so that Docker Hub was assumed.
	Hostless bool

	// Hint is the name of the nearest key above that is more than `image`; it may
	// tell which image a tag without a repository is of.
	Hint string
}

// Find returns every image that values name, and what looked like one and is
// not. Values are what encoding/json decodes, numbers as json.Number or, where
// Helm's --set syntax set them, int64; root is what their own path is called. It
// visits every value once.
//
// An image is named by
//   - fields of a map for the repository and the tag, in the spellings of group,
//     or for the tag alone;
//   - a string below a key that ends in `image` or `images`;
//   - any other string that is a full reference: host, path, and tag or digest.
func Find(values any, root string) ([]Mention, []v1alpha1.Problem) {
	f := &finder{}
	if top, isMap := values.(map[string]any); isMap {
		if global, isMap := top["global"].(map[string]any); isMap {
			registry, _ := scalar(global["imageRegistry"])
			f.globalRegistry = strings.TrimSuffix(registry, "/")
		}
	}
	f.visit(&path{root: root}, values, false)
	return f.mentions, f.problems
}

type finder struct {
	globalRegistry string
	mentions       []Mention
	problems       []v1alpha1.Problem
}

// visit looks at a value and all below it. imageKey says that the key that it
// stands under promises an image.
func (f *finder) visit(at *path, value any, imageKey bool) {
	switch value := value.(type) {
	case map[string]any:
		used := f.fields(at, value, imageKey)
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if _, isScalar := scalar(value[key]); isScalar && used[key] {
				continue
			}
			f.visit(at.field(key), value[key], isImageKey(key) || imageKey && isImagesKey(at.last))
		}
	case []any:
		for i, item := range value {
			f.visit(at.item(i), item, imageKey)
		}
	case string:
		f.text(at, strings.TrimSpace(value), imageKey)
	}
}

// text takes a string that is an image reference.
func (f *finder) text(at *path, s string, imageKey bool) {
	if imageKey {
		s = withoutTransport(s)
	}
	if s == "" || isURL(s) {
		return
	}
	name, suffix := splitName(s)
	if !imageKey && (suffix == "" || !hasHost(name)) {
		return
	}
	ref, err := f.reference(at, s)
	if err != nil {
		if imageKey {
			f.invalid(at, err)
		}
		return
	}
	m := Mention{Path: at.String(), Reference: ref, Hostless: !hasHost(name)}
	if ref.Tag == "" && ref.Digest == "" {
		m.Tag, m.Implied = DefaultTag, true
	}
	f.mentions = append(f.mentions, m)
}

// reference parses a reference; a digest that is none is reported and left out,
// for the tag before it is still needed.
func (f *finder) reference(at *path, s string) (Reference, error) {
	ref, err := Parse(s)
	if err == nil {
		return ref, nil
	}
	head, digest, found := strings.Cut(s, "@")
	if !found {
		return Reference{}, err
	}
	ref, headErr := Parse(head)
	if headErr != nil || ref.Tag == "" {
		return Reference{}, err
	}
	if err := checkDigest(digest); err != nil {
		f.invalid(at, err)
	}
	return ref, nil
}

func (f *finder) invalid(at *path, err error) {
	f.problem(v1alpha1.ReasonInvalidReference, at, err.Error())
}

func (f *finder) problem(reason v1alpha1.Reason, at *path, message string) {
	f.problems = append(f.problems, v1alpha1.Problem{Reason: reason, Field: at.String(), Message: message})
}

// isImageKey says whether a key promises an image: image, baseImage, images.
func isImageKey(key string) bool {
	return strings.HasSuffix(plain(key), imageEnding) || isImagesKey(key)
}

// isImagesKey says whether a key promises several images, be it in a list or in a
// map by their names.
func isImagesKey(key string) bool {
	return strings.HasSuffix(plain(key), imageEnding+"s")
}

// withoutTransport leaves out how an image is to be had where some tools write
// that before it.
func withoutTransport(s string) string {
	for _, transport := range []string{"docker://", "oci://"} {
		if rest, found := strings.CutPrefix(s, transport); found {
			return rest
		}
	}
	return s
}
