package image

import (
	"cmp"
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
	repoEnding       = "repo"
	imageEnding      = "image"
	nameEnding       = "name"
	tagEnding        = "tag"
	versionEnding    = "version"
	digestEnding     = "digest"
)

// group is the fields of a map that name an image together. Charts spell them in
// many ways: repository and tag, image and version, imageRepository and imageTag,
// web_image and web_image_tag. What stands before the endings is the group's
// prefix; a map can have several groups, which share a registry.
type group struct {
	repository, tag, registry, digest field

	// inner is the last part of a repository that is split in two, such as
	// repository: ghcr.io/team with image: app.
	inner field

	// other is a field with a repository and its host that stands beside a name, which may
	// be that of something else.
	other field

	// above is the registry for all images below a map that the group is in.
	above string
}

// field is a key, and the scalar that it holds; without a key it is not there.
type field struct {
	key, value string
}

// keys are the keys of a map by their plain form.
type keys map[string]string

// normalise finds the plain form of every key that a chart can have as a field; of keys
// with the same one the first in order counts.
func normalise(m map[string]any) keys {
	k := make(keys, len(m))
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(m))) {
		if isPlain(key) {
			k[plain(key)] = key
		}
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
// first, so that what belongs to one is not taken for another's. A version is an image's
// only where the image is called like it.
func (k keys) prefixes() []string {
	set := map[string]bool{"": true}
	for key := range k {
		for _, ending := range []string{tagEnding, repositoryEnding, versionEnding} {
			prefix, found := strings.CutSuffix(key, ending)
			if found && (ending != versionEnding || k.hasImage(prefix)) {
				set[prefix] = true
			}
		}
	}
	sorted := slices.Sorted(maps.Keys(set))
	slices.SortStableFunc(sorted, func(a, b string) int { return len(b) - len(a) })
	return sorted
}

// hasImage reports whether there is a field for the image of a prefix.
func (k keys) hasImage(prefix string) bool {
	return k[prefix+imageEnding] != "" || k[prefix+repositoryEnding] != "" || strings.HasSuffix(prefix, imageEnding) && k[prefix] != ""
}

// repositories are the plain keys of a group's repository, the best first.
func repositories(prefix string) []string {
	names := []string{prefix + repositoryEnding, prefix + repoEnding, prefix + imageEnding, prefix + imageEnding + nameEnding}
	switch prefix {
	case "":
		return names
	case imageEnding:
		return slices.Concat([]string{prefix}, names, []string{imageEnding + nameEnding, repositoryEnding, repoEnding})
	default:
		return append(names, prefix)
	}
}

// group reads the group with a prefix; keys that are used already are not in it.
func (k keys) group(m map[string]any, prefix string, used map[string]bool) *group {
	pick := func(names ...string) field { return k.pick(m, used, names) }
	tags := []string{prefix + tagEnding, prefix + versionEnding}
	if prefix != "" && !k.hasImage(prefix) {
		tags = tags[:1]
	}
	g := &group{
		repository: pick(repositories(prefix)...),
		tag:        pick(tags...),
		registry:   pick(prefix+registryEnding, registryEnding),
		digest:     pick(prefix + digestEnding),
	}
	if _, isSwitch := m[g.repository.key].(bool); isSwitch {
		g.repository = field{}
	}
	name := pick(prefix + nameEnding)
	if prefix == imageEnding && name.value == "" {
		name = pick(nameEnding)
	}
	switch {
	case g.repository.value == "":
		g.repository = k.byName(m, used, prefix, g, name)
	case strings.HasSuffix(plain(g.repository.key), repositoryEnding):
		g.inner = innerOf(g.repository.value, pick(prefix+imageEnding), name)
	case prefix == imageEnding && g.registry.value == "" && !HasHost(g.repository.value):
		// A repository with its host beside an image that has none is where the image is.
		if around := pick(repositoryEnding); isPlace(around.value) {
			g.registry = around
		}
	}
	if g.repository.key == g.registry.key {
		g.registry = field{}
	}
	return g
}

// byName returns what is a group's repository where nothing is called so: a name; without
// one, the registry of a map with a tag, if it has a path, too. Another field that has a
// repository is the group's other one.
func (k keys) byName(m map[string]any, used map[string]bool, prefix string, g *group, name field) field {
	isVersioned := prefix == "" && g.tag.value+g.digest.value != ""
	if name.value == "" {
		if isVersioned && isPlace(g.registry.value) {
			return g.registry
		}
		return field{}
	}
	var other field
	if isVersioned && !isPlace(name.value) {
		other = k.place(m, used)
	}
	if _, isString := m[name.key].(string); !isString && other.key != "" {
		return other
	}
	g.other = other
	return name
}

// pick returns the first of these fields that has a value, else the first that is there.
func (k keys) pick(m map[string]any, used map[string]bool, names []string) field {
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

// place returns the first field that has a repository with its host, whatever it is called.
func (k keys) place(m map[string]any, used map[string]bool) field {
	for _, name := range slices.Sorted(maps.Keys(k)) {
		key := k[name]
		value, isString := m[key].(string)
		value = strings.TrimSpace(value)
		if isString && !used[key] && isPlace(value) && !strings.HasSuffix(name, registryEnding) && !IsCredentialKey(key) {
			return field{key, value}
		}
	}
	return field{}
}

// isPlace reports whether a text is a repository with its host.
func isPlace(s string) bool {
	if !HasHost(s) || isURL(s) {
		return false
	}
	_, err := Parse(s)
	return err == nil
}

// innerOf returns the field that is the last part of a repository: an image that
// is a mere name, or a name where the repository is no more than an owner. Where
// the repository ends with it already, there is nothing to add.
func innerOf(repository string, image, name field) field {
	_, path, hasPath := strings.Cut(repository, "/")
	inner := image
	if inner.value == "" && (!hasPath || HasHost(repository) && !strings.Contains(path, "/")) {
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

// hasTag reports whether the group has a field for the tag that is called so.
func (g *group) hasTag() bool {
	return strings.HasSuffix(plain(g.tag.key), tagEnding)
}

// keys are those of the group's fields. A registry is not among them, for other groups of
// the map have it, too; a repository that stands for one is.
func (g *group) keys() []string {
	keys := []string{g.repository.key, g.tag.key, g.digest.key, g.inner.key, g.other.key}
	if plain(g.registry.key) == repositoryEnding {
		keys = append(keys, g.registry.key)
	}
	return keys
}

// looksLikeImage reports whether a group that has a repository, or what may be one, is
// about an image at all. A mere name is one only beside a tag, or under a key that
// promises an image. Below a key for secrets it must be an image without doubt.
func (g *group) looksLikeImage(s scope) bool {
	hasVersion := g.tag.key != "" || g.digest.key != ""
	if s.closed {
		return g.isValid() && g.isCertain(s)
	}
	switch hasRegistry := g.registry.key != ""; {
	case g.hasRepository():
		return hasVersion || hasRegistry || s.image || isPlace(g.repository.value)
	case g.hasImage():
		return hasVersion || hasRegistry
	default:
		return g.isNamed(s)
	}
}

// isNamed reports whether the name that a group has for a repository is that of an image.
func (g *group) isNamed(s scope) bool {
	if strings.ContainsAny(g.repository.value, "/:@") {
		return g.tag.key != "" || g.digest.key != "" || s.image
	}
	return g.hasTag() || g.digest.key != "" || s.image && !s.several
}

// isCertain reports whether a group leaves no doubt that it is an image. Where the key above is
// that of a credential, it takes more.
func (g *group) isCertain(s scope) bool {
	hasTag := g.tag.value != ""
	return hasTag && (g.hasImage() || g.hasRepository() || g.hasRegistry()) ||
		!s.credential && (hasTag || g.hasRepository()) && g.namesHost()
}

// hasImage reports whether the group has a field for the image that is called so.
func (g *group) hasImage() bool {
	return strings.HasSuffix(plain(g.repository.key), imageEnding)
}

// hasRepository reports whether the group has a field for the repository that is called so.
func (g *group) hasRepository() bool {
	key := plain(g.repository.key)
	return strings.HasSuffix(key, repositoryEnding) || strings.HasSuffix(key, repoEnding)
}

// hasRegistry reports whether there is a registry, be it that the repository is in its field.
func (g *group) hasRegistry() bool {
	return g.registry.key != "" || strings.HasSuffix(plain(g.repository.key), registryEnding)
}

// namesHost reports whether the repository is one with its host, be it the registry's.
func (g *group) namesHost() bool {
	return isPlace(g.repository.value) || g.hasRepository() && isPlace(join(cmp.Or(g.registry.value, g.above), g.repository.value))
}

// mayBeImage reports whether a group that does not look like an image below a key for secrets
// would do so elsewhere.
func (g *group) mayBeImage() bool {
	return g.hasTag() && g.tag.value != "" || g.namesHost() && !isImageKey(g.repository.key)
}

// isValid reports whether all fields are what they should be. Beside a version, a repository
// must have a path, else it may be a chart's.
func (g *group) isValid() bool {
	_, err := Parse(join(g.registry.value, g.repository.value))
	return err == nil && g.hasValidTag() && (g.hasTag() || strings.Contains(g.repository.value, "/"))
}

// hasValidTag reports whether there is no tag or a valid one, and no digest or a valid one.
func (g *group) hasValidTag() bool {
	tag, digest, found := strings.Cut(g.tag.value, "@")
	return (tag == "" || CheckTag(tag) == nil) && (!found || checkDigest(digest) == nil) && (g.digest.value == "" || checkDigest(g.digest.value) == nil)
}

// isURL reports whether a string has a scheme, which image references have not.
func isURL(s string) bool {
	return strings.Contains(s, "://")
}

// scalar is a value as a chart's template prints it, but for the exponent of a number
// that Helm prints with one; absent and null are empty. It reports false for a list or an
// object.
func scalar(value any) (string, bool) {
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return strings.TrimSpace(value), true
	case json.Number:
		return number(value), true
	case int64: // what Helm's --set syntax makes of digits
		return strconv.FormatInt(value, 10), true
	case bool:
		return strconv.FormatBool(value), true
	default:
		return "", false
	}
}

// number is a number without what a floating-point number does not keep of it: 1.1 for
// 1.10, 1000 for 1e3. Digits alone are what was written.
func number(n json.Number) string {
	f, err := n.Float64()
	if err != nil || hasOnlyDigits(n.String()) {
		return n.String()
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func hasOnlyDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
