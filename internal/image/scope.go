package image

import (
	"cmp"
	"slices"
	"strings"
)

// scope is what the keys above a value say about it.
type scope struct {
	// image: its key promises an image. several: it is in a map that promises several,
	// where settings stand, too.
	image, several bool

	// closed: it stands below a key for secrets or for where pods run. A component can be
	// called that, too: a map that is surely an image and a string that is a full reference
	// are images there, and a key that promises an image ends it. credential: not even such
	// a string is an image, for the key is that of a credential.
	closed, credential bool

	// registry is the nearest field above that is a registry for all images below its map.
	registry string

	// version is the key of a field of the map around it that may have the tag of an image
	// that has none, tags are those that this and other such fields have.
	version string
	tags    []string
}

// below is the scope of a field of a map in a scope, where around is what the map has for all images in
// it. The value of a pair of name and value, as environment variables are written, stands
// under the name.
func (f *finder) below(s scope, at *path, m map[string]any, key string, around scope) scope {
	_, isString := m[key].(string)
	if name, isString := m["name"].(string); isString && key == "value" {
		key = name
	}
	next := scope{registry: cmp.Or(around.registry, s.registry)}
	switch t := f.traits(key); {
	case t.image:
		next.image = true
	case s.image && f.traits(at.last).images && !strings.HasSuffix(t.plain, registryEnding) && !t.credential:
		next.image, next.several = true, true
	default:
		next.closed = s.closed || t.closes
		next.credential = s.credential || t.credential
	}
	if next.image && isString {
		next.version, next.tags = around.version, around.tags
	}
	return next
}

// surroundings are the fields of a map that its images may need, without those that
// images have used already. The version is the first of the sorted keys.
func (f *finder) surroundings(at *path, m map[string]any, sorted []string, used map[string]bool) scope {
	var s scope
	var versions []string
	images := 0
	for _, key := range sorted {
		value, isScalar := scalar(m[key])
		if !isScalar || value == "" {
			continue
		}
		t := f.traits(key)
		if t.image || f.traits(at.last).images && strings.Contains(value, "/") {
			images++
		}
		switch name := t.plain; {
		case name == registryEnding, name == imageEnding+registryEnding:
			if value = strings.TrimSuffix(value, "/"); HasHost(value + "/") {
				s.registry = value
			}
		case used[key], name == "apiversion":
		case strings.HasSuffix(name, versionEnding), strings.HasSuffix(name, tagEnding):
			versions = append(versions, key)
		}
	}
	if len(versions) > 0 {
		s.version, s.tags = versions[0], tagsOf(m, versions, images <= 1)
	}
	return s
}

// tagsOf returns the tags, in order and each once, that fields for versions have. A key such
// as linkerdVersion may be that of the only image of a map, but of several it is not known
// which one it is of.
func tagsOf(m map[string]any, versions []string, isOnly bool) []string {
	var tags []string
	for _, key := range versions {
		value, _ := scalar(m[key])
		_, isSwitch := m[key].(bool)
		isPlain := slices.Contains([]string{versionEnding, tagEnding, imageEnding + versionEnding, imageEnding + tagEnding, "appversion"}, plain(key))
		if (isPlain || isOnly) && !isSwitch && CheckTag(value) == nil {
			tags = append(tags, value)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// isImageKey reports whether a key promises an image: image, baseImage, imageName, images.
func isImageKey(key string) bool {
	name := plain(key)
	return strings.HasSuffix(name, imageEnding) || strings.HasSuffix(name, imageEnding+nameEnding) || strings.HasSuffix(name, imageEnding+"s")
}

// isImagesKey reports whether a key promises several images, be it in a list or in a
// map by their names.
func isImagesKey(key string) bool {
	return strings.HasSuffix(plain(key), imageEnding+"s")
}
