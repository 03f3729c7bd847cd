package image

import (
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
	// not in a way that is known; also where such a tag was added to it.
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
	for i := range f.mentions {
		f.mentions[i].detach()
	}
	return f.mentions, f.problems
}

// detach copies the texts of a mention: as parts of the values they would keep all of a long value in memory.
func (m *Mention) detach() {
	for _, text := range []*string{&m.Repository.Host, &m.Repository.Path, &m.Tag, &m.Digest, &m.Beside, &m.Hint} {
		*text = strings.Clone(*text)
	}
}

type finder struct {
	globalRegistry string
	// secret is set if some values come from a Secret.
	secret bool
	// manifest is set if the values are manifests of Kubernetes.
	manifest bool
	mentions []Mention
	problems []v1alpha1.Problem
	// keys are the traits of keys that were met: the same ones stand in most maps.
	keys map[string]keyTraits

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

// visit looks at a value and all below it.
func (f *finder) visit(at *path, value any, s scope) {
	if !f.mayVisit() {
		return
	}
	f.depth++
	defer func() { f.depth-- }()
	switch value := value.(type) {
	case map[string]any:
		f.object(at, value, s)
	case []any:
		f.list(at, value, s)
	case string:
		text := strings.TrimSpace(value)
		f.text(at, text, s)
		if f.manifest && !f.secret && !s.closed {
			f.namedImages(at, text)
		}
	}
}

func (f *finder) object(at *path, m map[string]any, s scope) {
	if isSecretObject(m) || f.manifest && isWithoutImages(m) {
		return
	}
	if f.manifest {
		f.podSpec(at, m)
	}
	sorted := slices.Sorted(maps.Keys(m))
	used := f.fields(at, m, sorted, s)
	f.artifact(at, m)
	f.dotted(at, m)
	around := f.surroundings(at, m, sorted, used)
	for _, key := range sorted {
		if _, isScalar := scalar(m[key]); isScalar && (used[key] || f.manifest && isPodImage(at, key)) {
			continue
		}
		f.visit(at.field(key), m[key], f.below(s, at, m, key, around))
	}
}

func (f *finder) list(at *path, list []any, s scope) {
	if f.manifest {
		f.arguments(at, list)
	}
	for i, item := range list {
		f.visit(at.item(i), item, s)
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
	text = withoutTransport(text)
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
		if f.manifest { // what reads it may take another tag than the kubelet would
			f.mentions = append(f.mentions, m)
		}
		m.Tag, m.Implied = DefaultTag, true
	}
	f.mentions = append(f.mentions, m)
	if m.Beside == "" {
		return
	}
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

// withoutTransport returns a text without how an image is to be had, which some tools write before it.
func withoutTransport(text string) string {
	for _, transport := range []string{"docker://", "oci://", "registry://"} {
		if rest, ok := strings.CutPrefix(text, transport); ok {
			return rest
		}
	}
	return text
}
