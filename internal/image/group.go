package image

import (
	"cmp"
	"maps"
	"slices"
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

// normalise finds the plain form of every key that a chart can have as a field; of sorted keys
// with the same one the first counts.
func (f *finder) normalise(sorted []string) keys {
	k := make(keys, len(sorted))
	for _, key := range slices.Backward(sorted) {
		if isPlain(key) {
			k[f.traits(key).plain] = key
		}
	}
	return k
}

// plain is a key in lower case without what separates words: imagetag for
// imageTag, image_tag and image-tag.
func plain(key string) string {
	isOther := func(r rune) bool { return r >= unicode.MaxASCII || r >= 'A' && r <= 'Z' || r == '_' || r == '-' }
	if strings.IndexFunc(key, isOther) < 0 { // most keys
		return key
	}
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
	prefixes := []string{""}
	for key := range k {
		for _, ending := range []string{tagEnding, repositoryEnding, versionEnding} {
			prefix, found := strings.CutSuffix(key, ending)
			if found && (ending != versionEnding || k.hasImage(prefix)) {
				prefixes = append(prefixes, prefix)
			}
		}
	}
	slices.SortFunc(prefixes, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(prefixes)
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

// keys are those of the group's fields. A registry is not among them, for other groups of
// the map have it, too; a repository that stands for one is.
func (g *group) keys() []string {
	keys := []string{g.repository.key, g.tag.key, g.digest.key, g.inner.key, g.other.key}
	if plain(g.registry.key) == repositoryEnding {
		keys = append(keys, g.registry.key)
	}
	return keys
}
