package image

import (
	"cmp"
	"strings"
)

// hasTag reports whether the group has a field for the tag that is called so.
func (g *group) hasTag() bool {
	return strings.HasSuffix(plain(g.tag.key), tagEnding)
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

// isPlace reports whether a text is a repository with its host.
func isPlace(s string) bool {
	if !HasHost(s) || isURL(s) {
		return false
	}
	_, err := Parse(s)
	return err == nil
}

// isURL reports whether a string has a scheme, which image references have not.
func isURL(s string) bool {
	return strings.Contains(s, "://")
}
