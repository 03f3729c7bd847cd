package image

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The endings of the keys of fields that name an image together.
const (
	registryEnding   = "registry"
	repositoryEnding = "repository"
	imageEnding      = "image"
	nameEnding       = "name"
	tagEnding        = "tag"
	versionEnding    = "version"
	digestEnding     = "digest"
)

// group is the fields of a map that name an image together. Charts spell them in
// many ways: repository and tag, image and version, imageRepository and imageTag,
// web_image and web_image_tag. What stands before the endings is the group's
// prefix; a map can have several groups.
type group struct {
	repository, tag, registry, digest field

	// inner is the last part of a repository that is split in two, such as
	// repository: ghcr.io/team with image: app.
	inner field
}

// field is a key, and the scalar that it holds; without a key it is not there.
type field struct {
	key, value string
}

// keys are the keys of a map by their plain form.
type keys map[string]string

// normalise finds the plain form of every key; of keys with the same one the
// first in order counts.
func normalise(m map[string]any) keys {
	k := make(keys, len(m))
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(m))) {
		k[plain(key)] = key
	}
	return k
}

// plain is a key in lower case without what separates words: imagetag for
// imageTag, image_tag and image-tag.
func plain(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
}

// prefixes lists the groups that a map may have, those with the longest prefix
// first, so that what belongs to one is not taken for another's.
func (k keys) prefixes() []string {
	set := map[string]bool{"": true}
	for key := range k {
		for _, ending := range []string{tagEnding, repositoryEnding} {
			if prefix, found := strings.CutSuffix(key, ending); found {
				set[prefix] = true
			}
		}
	}
	sorted := slices.Sorted(maps.Keys(set))
	slices.SortStableFunc(sorted, func(a, b string) int { return len(b) - len(a) })
	return sorted
}

// group reads the group with a prefix; keys that are used already are not in it.
func (k keys) group(m map[string]any, prefix string, used map[string]bool) *group {
	pick := func(names ...string) field {
		present := field{}
		for _, name := range names {
			key, found := k[name]
			if !found || used[key] {
				continue
			}
			if value, isScalar := scalar(m[key]); isScalar && value != "" {
				return field{key, value}
			}
			if present.key == "" {
				present.key = key
			}
		}
		return present
	}
	repositories := []string{prefix + repositoryEnding, prefix + imageEnding, prefix + nameEnding}
	tags := []string{prefix + tagEnding}
	switch prefix {
	case "":
		tags = append(tags, versionEnding)
	case imageEnding:
		repositories = append([]string{prefix}, append(repositories, repositoryEnding, nameEnding)...)
	default:
		repositories = append(repositories, prefix)
	}
	g := &group{
		repository: pick(repositories...),
		tag:        pick(tags...),
		registry:   pick(prefix+registryEnding, registryEnding),
		digest:     pick(prefix + digestEnding),
	}
	if g.repository.value == "" {
		g.repository = field{}
	} else if strings.HasSuffix(plain(g.repository.key), repositoryEnding) {
		g.inner = innerOf(g.repository.value, pick(prefix+imageEnding), pick(prefix+nameEnding))
	}
	return g
}

// innerOf returns the field that is the last part of a repository: an image that
// is a mere name, or a name where the repository is no more than an owner. Where
// the repository ends with it already, there is nothing to add.
func innerOf(repository string, image, name field) field {
	_, path, hasPath := strings.Cut(repository, "/")
	inner := image
	if inner.value == "" && (!hasPath || hasHost(repository) && !strings.Contains(path, "/")) {
		inner = name
	}
	switch {
	case strings.ContainsAny(inner.value, "/:@ "):
		return field{}
	case strings.HasSuffix("/"+repository, "/"+inner.value):
		return field{key: inner.key}
	default:
		return inner
	}
}

// hasTag says whether the group has a field for the tag that is called so.
func (g *group) hasTag() bool {
	return strings.HasSuffix(plain(g.tag.key), tagEnding)
}

// keys are those of the group's fields.
func (g *group) keys() []string {
	return []string{g.repository.key, g.tag.key, g.registry.key, g.digest.key, g.inner.key}
}

// looksLikeImage says whether a group that has a repository, or what may be one,
// is about an image at all.
func (g *group) looksLikeImage(imageKey bool) bool {
	hasVersion := g.tag.key != "" || g.digest.key != ""
	switch key := plain(g.repository.key); {
	case strings.HasSuffix(key, repositoryEnding):
		return hasVersion || imageKey || g.registry.key != "" || hasHost(g.repository.value) && !isURL(g.repository.value)
	case strings.HasSuffix(key, imageEnding):
		return hasVersion || g.registry.key != ""
	default:
		return hasVersion || imageKey
	}
}

// isURL says that a string has a scheme, which image references have not.
func isURL(s string) bool {
	return strings.Contains(s, "://")
}

// scalar is a value as a chart's template prints it; absent and null are empty.
// It says false for a list or an object.
func scalar(value any) (string, bool) {
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return strings.TrimSpace(value), true
	case json.Number:
		return value.String(), true
	case int64: // what Helm's --set syntax makes of digits
		return strconv.FormatInt(value, 10), true
	case bool:
		return strconv.FormatBool(value), true
	default:
		return "", false
	}
}
