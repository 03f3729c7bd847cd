package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// The fields of a map that name an image together, as charts spell them.
const (
	registryField   = "registry"
	repositoryField = "repository"
	imageField      = "image"
	nameField       = "name"
	tagField        = "tag"
	versionField    = "version"
	digestField     = "digest"
)

// fields takes a map whose fields name an image together, and returns the keys
// that did. imageKey says that the map stands under a key that promises an
// image.
func (f *finder) fields(at *path, m map[string]any, imageKey bool) []string {
	repositoryKey, name := pick(m, repositoryField, imageField, nameField)
	tagKey, tag := pick(m, tagField, versionField)
	if repositoryKey == "" && tagKey == tagField {
		f.problem(v1alpha1.ReasonNoRepository, at.field(tagKey),
			fmt.Sprintf("tag %q stands without a repository, so it is not known which image is meant", tag))
	}
	if !looksLikeImage(m, repositoryKey, name, imageKey) {
		return nil
	}
	ref, err := parseRepositoryFields(m, repositoryKey, name)
	// A name or a URL beside a version is rather an application or a chart.
	unlikely := tagKey != tagField && (repositoryKey == nameField || isURL(name))
	if unlikely && (err != nil || CheckTag(tag) != nil) {
		return nil
	}
	if err != nil {
		f.invalid(at.field(repositoryKey), err)
	} else {
		f.tagged(at, ref, tagKey, tag, m)
	}
	return []string{registryField, repositoryKey, tagField, versionField, digestField}
}

// looksLikeImage says whether a map that has a repository, or what may be one,
// is about an image at all.
func looksLikeImage(m map[string]any, repositoryKey, name string, imageKey bool) bool {
	hasTag := hasAny(m, tagField, versionField, digestField)
	switch repositoryKey {
	case repositoryField:
		return hasTag || imageKey || hasAny(m, registryField) || hasHost(name) && !isURL(name)
	case imageField:
		return hasTag || hasAny(m, registryField)
	case nameField:
		return hasTag
	default:
		return false
	}
}

// parseRepositoryFields reads the field for the repository, behind the registry
// where there is one. Charts join the two whatever the repository is; only where
// it already begins with that registry is nothing joined.
func parseRepositoryFields(m map[string]any, repositoryKey, name string) (Reference, error) {
	if _, isString := m[repositoryKey].(string); !isString {
		return Reference{}, fmt.Errorf("is %s, want a string such as git.example.com/team/app", name)
	}
	registry, _ := scalar(m[registryField])
	registry = strings.TrimSuffix(registry, "/")
	if registry != "" && !strings.HasPrefix(name, registry+"/") {
		name = registry + "/" + name
	}
	return Parse(name)
}

// tagged takes an image whose tag and digest are fields of their own. What is
// none is reported; the repository is mentioned all the same, for a policy may
// know its tag.
func (f *finder) tagged(at *path, ref Reference, tagKey, tag string, m map[string]any) {
	if ref.Tag != "" {
		f.mention(at, ref)
	}
	if _, isScalar := scalar(m[tagField]); !isScalar {
		f.invalid(at.field(tagField), errors.New("is a list or an object, want a tag: "+tagGrammar))
	}
	tag, digest, _ := strings.Cut(tag, "@")
	if digest == "" {
		digest, _ = scalar(m[digestField])
	}
	if digest != "" {
		if err := checkDigest(digest); err != nil {
			f.invalid(at, err)
		} else {
			ref.Digest = digest
		}
	}
	if tag != "" {
		if err := CheckTag(tag); err != nil {
			f.invalid(at.field(tagKey), err)
			tag = ""
		}
	}
	if tag != "" || ref.Tag == "" {
		f.mention(at, Reference{Repository: ref.Repository, Tag: tag, Digest: ref.Digest})
	}
}

// isURL says that a string has a scheme, which image references have not.
func isURL(s string) bool {
	return strings.Contains(s, "://")
}

// pick returns the first of the keys that holds a scalar that is not empty, and
// what it holds.
func pick(m map[string]any, keys ...string) (key, value string) {
	for _, key := range keys {
		if value, isScalar := scalar(m[key]); isScalar && value != "" {
			return key, value
		}
	}
	return "", ""
}

// hasAny says whether one of the keys is there, be it empty.
func hasAny(m map[string]any, keys ...string) bool {
	for _, key := range keys {
		if _, found := m[key]; found {
			return true
		}
	}
	return false
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
	case bool:
		return strconv.FormatBool(value), true
	default:
		return "", false
	}
}
