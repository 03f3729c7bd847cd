package image

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
)

// Mention is a place in a release that names an image.
type Mention struct {
	// Path is where: spec.values.image.
	Path string

	// Reference is the image. Its tag is empty where the chart chooses it; its
	// repository is empty where only a tag is there.
	Reference

	// Implied reports that no tag was named, so that latest is meant.
	Implied bool

	// Hostless reports that no registry was named, so that Docker Hub was assumed.
	Hostless bool

	// Beside is the key that stands beside an image without a tag and may have it, though
	// not in a way that is known.
	Beside string

	// Hint is the name of the nearest key above that is more than `image`; it may
	// tell which image a tag without a repository is of.
	Hint string

	// Secret reports that it may come from a Secret: then nothing of it is quoted in a message.
	Secret bool
}

// Find returns every image that values name, and what looked like one and is
// not. Values are what encoding/json decodes, numbers as json.Number or, where
// Helm's --set syntax set them, int64; root is what their own path is called. It
// visits every value once.
//
// An image is named by
//   - fields of a map for the repository and the tag, in the spellings of group,
//     or for the tag alone;
//   - a string below a key that ends in `image` or `images`, if a host, a path or a tag
//     in it says so;
//   - any other string as far as it has full references in it: host, path, and tag or
//     digest.
//
// Free text is not read below a key for secrets or for where pods run: there, only what
// leaves no doubt is an image (see scope).
//
// Values beyond the budget of a release name no image, and the only problem is OverBudget.
func Find(values any, root string) ([]Mention, []v1alpha1.Problem) {
	return (&finder{}).find(values, root)
}

// FindInSecret is Find for values of which some come from a Secret. Only what stands where an image
// stands is one, and neither values nor keys are quoted: all have the path of root.
func FindInSecret(values any, root string) ([]Mention, []v1alpha1.Problem) {
	mentions, problems := (&finder{secret: true}).find(values, root)
	for i := range mentions {
		m := &mentions[i]
		m.Path, m.Secret = root, true
	}
	for i := range problems {
		problems[i].Field = root
	}
	return mentions, problems
}

func (f *finder) find(values any, root string) ([]Mention, []v1alpha1.Problem) {
	if top, isMap := values.(map[string]any); isMap {
		if global, isMap := top["global"].(map[string]any); isMap {
			registry, _ := scalar(global["imageRegistry"])
			f.globalRegistry = strings.TrimSuffix(registry, "/")
		}
	}
	f.visit(&path{root: root}, values, scope{})
	if !f.mayVisit() { // the last value may have been one image too many
		return nil, []v1alpha1.Problem{{Reason: v1alpha1.ReasonOverBudget, Field: root, Message: f.exceeded.Error()}}
	}
	return f.mentions, f.problems
}

type finder struct {
	globalRegistry string
	// secret is set if some values come from a Secret.
	secret   bool
	mentions []Mention
	problems []v1alpha1.Problem

	// nodes are the values that were visited, and depth is how deep the search is in them.
	nodes, depth int
	// exceeded is which part of the budget does not suffice.
	exceeded error
}

// mayVisit counts a value, and reports whether the budget suffices for it.
func (f *finder) mayVisit() bool {
	f.nodes++
	switch {
	case f.exceeded != nil:
	case f.nodes > budget.Nodes:
		f.exceeded = budget.Exceeded(budget.Nodes, "values")
	case f.depth > budget.Depth:
		f.exceeded = budget.Exceeded(budget.Depth, "levels of values")
	case len(f.mentions) > budget.Mentions:
		f.exceeded = budget.Exceeded(budget.Mentions, "images")
	}
	return f.exceeded == nil
}

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

// below is the scope of a map's field, where around is what the map has for all images in
// it. The value of a pair of name and value, as environment variables are written, stands
// under the name.
func (s scope) below(at *path, m map[string]any, key string, around scope) scope {
	_, isString := m[key].(string)
	if name, isString := m["name"].(string); isString && key == "value" {
		key = name
	}
	next := scope{registry: cmp.Or(around.registry, s.registry)}
	switch {
	case isImageKey(key):
		next.image = true
	case s.image && isImagesKey(at.last) && !strings.HasSuffix(plain(key), registryEnding) && !IsCredentialKey(key):
		next.image, next.several = true, true
	default:
		next.closed = s.closed || IsSecretKey(key) || isPlacementKey(key)
		next.credential = s.credential || IsCredentialKey(key)
	}
	if next.image && isString {
		next.version, next.tags = around.version, around.tags
	}
	return next
}

// surroundings are the fields of a map that its images may need, without those that
// images have used already. The version is the first in order.
func surroundings(at *path, m map[string]any, used map[string]bool) scope {
	var s scope
	var versions []string
	images := 0
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value, isScalar := scalar(m[key])
		if !isScalar || value == "" {
			continue
		}
		if isImageKey(key) || isImagesKey(at.last) && strings.Contains(value, "/") {
			images++
		}
		switch name := plain(key); {
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

// visit looks at a value and all below it.
func (f *finder) visit(at *path, value any, s scope) {
	if !f.mayVisit() {
		return
	}
	f.depth++
	defer func() { f.depth-- }()
	switch value := value.(type) {
	case map[string]any:
		if isSecretObject(value) {
			return
		}
		used := f.fields(at, value, s)
		around := surroundings(at, value, used)
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if _, isScalar := scalar(value[key]); isScalar && used[key] {
				continue
			}
			f.visit(at.field(key), value[key], s.below(at, value, key, around))
		}
	case []any:
		for i, item := range value {
			f.visit(at.item(i), item, s)
		}
	case string:
		f.text(at, strings.TrimSpace(value), s)
	}
}

// text takes a string: as one reference where its key promises an image, else the full
// references in it.
func (f *finder) text(at *path, text string, s scope) {
	if text == "" || s.image && f.reference(at, text, s) {
		return
	}
	full, skipped := references(text)
	if f.secret {
		full, skipped = nil, false
	}
	if s.closed && (s.credential || !isFullReference(text)) {
		full, skipped = nil, skipped || len(full) > 0
	}
	for _, word := range full {
		f.mention(at, word, scope{})
	}
	switch {
	case skipped:
		f.notRead(at)
	case len(full) == 0 && s.image && !s.several && !isSetting(text):
		_, err := Parse(text)
		f.invalid(at, err)
	}
}

// reference takes a text whose key promises an image, and reports whether it is one.
func (f *finder) reference(at *path, text string, s scope) bool {
	text = strings.TrimPrefix(strings.TrimPrefix(text, dockerTransport), ociTransport)
	if _, _, err := parseTolerant(text); err != nil || isBoolean(text) {
		return false
	}
	name, suffix := splitName(text)
	if s.several && (suffix == "" && !strings.Contains(name, "/") || !hasLetter(name)) {
		return false
	}
	f.mention(at, text, s)
	return true
}

// mention takes a text that is a reference. One without a registry has the one above it;
// where that has a path, too, it is not certain that the chart joins them.
func (f *finder) mention(at *path, text string, s scope) {
	name, _ := splitName(text)
	if s.registry == "" || HasHost(name) {
		f.joined(at, text, s)
		return
	}
	f.joined(at, s.registry+"/"+text, s)
	if strings.Contains(s.registry, "/") {
		f.joined(at, text, s)
	}
}

// joined takes a reference as it is.
func (f *finder) joined(at *path, text string, s scope) {
	name, suffix := splitName(text)
	ref, badDigest, err := parseTolerant(text)
	switch {
	case err != nil:
		return // the registry is none
	case badDigest != nil:
		f.invalid(at, badDigest)
	}
	m := Mention{Path: at.String(), Reference: ref, Hostless: !HasHost(name)}
	switch {
	case suffix != "":
	case s.version != "":
		m.Beside = s.version
	case HasHost(name) || strings.Contains(name, "/") && !s.several:
		m.Tag, m.Implied = DefaultTag, true
	}
	f.mentions = append(f.mentions, m)
	if m.Beside == "" {
		return
	}
	m.Beside = ""
	for _, m.Tag = range s.tags {
		f.mentions = append(f.mentions, m)
	}
}

func (f *finder) invalid(at *path, err error) {
	if f.secret {
		err = errSecret
	}
	f.problem(v1alpha1.ReasonInvalidReference, at, err.Error())
}

// errSecret is why a value that may come from a Secret is no image.
var errSecret = errors.New("a value that stands where an image stands is not one; it is not quoted, because it may come from a Secret")

// notRead reports what looks like an image and may be a secret. It must not be quoted.
func (f *finder) notRead(at *path) {
	f.problem(v1alpha1.ReasonValuesNotRead, at, "looks like an image or a tag, and is not read below a key for secrets or scheduling")
}

func (f *finder) problem(reason v1alpha1.Reason, at *path, message string) {
	f.problems = append(f.problems, v1alpha1.Problem{Reason: reason, Field: at.String(), Message: message})
}

// isImageKey reports whether a key promises an image: image, baseImage, imageName, images.
func isImageKey(key string) bool {
	name := plain(key)
	return strings.HasSuffix(name, imageEnding) || strings.HasSuffix(name, imageEnding+nameEnding) || isImagesKey(key)
}

// isImagesKey reports whether a key promises several images, be it in a list or in a
// map by their names.
func isImagesKey(key string) bool {
	return strings.HasSuffix(plain(key), imageEnding+"s")
}

// isSetting reports whether a text under a key for an image says something else of it: where
// a picture is, or whether there is one.
func isSetting(text string) bool {
	return isURL(text) || isBoolean(text) || strings.HasPrefix(text, "/")
}

// isBoolean reports whether a text is a switch.
func isBoolean(text string) bool {
	_, err := strconv.ParseBool(text)
	return err == nil || slices.Contains([]string{"yes", "no", "on", "off"}, strings.ToLower(text))
}

// How an image is to be had, where some tools write that before it.
const (
	dockerTransport = "docker://"
	ociTransport    = "oci://"
)
