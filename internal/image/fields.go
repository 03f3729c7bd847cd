package image

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// fields takes the groups of fields of a map that name an image together, and
// returns the keys of those that did. sorted are all its keys.
func (f *finder) fields(at *path, m map[string]any, sorted []string, s scope) map[string]bool {
	keys := f.normalise(sorted)
	used := map[string]bool{}
	for _, prefix := range keys.prefixes() {
		g := keys.group(m, prefix, used)
		g.above = s.registry
		if f.manifest && g.isDistribution() {
			continue
		}
		if g.repository.key == "" {
			f.tagAlone(at, m, g, s)
			continue
		}
		of := scope{closed: s.closed, credential: s.credential}
		if prefix == "" {
			of = s
			of.several = s.several || isImagesKey(at.last)
		}
		if !g.looksLikeImage(of) && g.other.key != "" {
			g.repository, g.other = g.other, field{}
		}
		switch {
		case g.looksLikeImage(of):
			for _, key := range f.group(at, m, g) {
				used[key] = true
			}
		case s.closed && g.mayBeImage():
			f.notRead(at)
		}
	}
	return used
}

// group takes a group that looks like an image, and returns its keys if it is
// one.
func (f *finder) group(at *path, m map[string]any, g *group) []string {
	refs, err := f.repositories(m, g)
	// A name or a URL beside a version is rather an application or a chart.
	unlikely := plain(g.tag.key) == versionEnding && (plain(g.repository.key) == nameEnding || isURL(g.repository.value))
	if unlikely && (err != nil || CheckTag(g.tag.value) != nil) {
		return nil
	}
	if err != nil {
		f.invalid(at.field(g.repository.key), err)
		return g.keys()
	}
	tag, digest := f.tagAndDigest(at, m, g)
	for _, m := range refs {
		f.tagged(at, m, tag, digest)
	}
	return g.keys()
}

// tagAlone takes a tag that stands without a repository. Which image is meant may
// be known from the names of policies.
func (f *finder) tagAlone(at *path, m map[string]any, g *group, s scope) {
	if f.manifest || !g.hasTag() || g.tag.value == "" { // what stands in a manifest, no chart completes
		return
	}
	if s.closed && (!strings.HasSuffix(plain(g.tag.key), imageEnding+tagEnding) || !g.hasValidTag()) {
		f.notRead(at.field(g.tag.key))
		return
	}
	tag, digest := f.tagAndDigest(at, m, g)
	if tag == "" {
		return
	}
	hint := at.hint
	if prefix := strings.TrimSuffix(strings.TrimSuffix(plain(g.tag.key), tagEnding), imageEnding); prefix != "" {
		hint = hintOf(prefix)
	}
	f.mentions = append(f.mentions, Mention{
		Path: at.field(g.tag.key).String(), Hint: hint, Reference: Reference{Tag: tag, Digest: digest},
	})
}

// repositories reads the fields for the repository. Charts join the registry and
// the repository whatever that is; only where it already begins with that
// registry is nothing joined. What can be read of several readings counts; it is
// an error where none can.
func (f *finder) repositories(m map[string]any, g *group) ([]Mention, error) {
	if _, isString := m[g.repository.key].(string); !isString {
		return nil, fmt.Errorf("is %s, want a string such as git.example.com/team/app", Shorten(g.repository.value))
	}
	names := []string{g.repository.value}
	if g.inner.value != "" {
		names = append(names, g.repository.value+"/"+g.inner.value)
	}
	var mentions []Mention
	var firstErr error
	for _, name := range names {
		for _, registry := range f.registries(g, name) {
			joined := join(registry, name)
			ref, err := Parse(joined)
			if err != nil {
				firstErr = cmp.Or(firstErr, err)
				continue
			}
			mentions = append(mentions, Mention{Hostless: !HasHost(joined), Reference: ref})
		}
	}
	if ref, err := Parse(g.other.value); err == nil && g.other.key != "" {
		mentions = append(mentions, Mention{Reference: ref})
	}
	if len(mentions) == 0 {
		return nil, firstErr
	}
	return mentions, nil
}

// registries are those that a repository may be joined with: the group's own, and
// the one that global.imageRegistry puts in its place. Without one of its own it may be
// joined with one above it, and, where that has a path, with none. Of a repository that
// names a host some charts leave the registry out.
func (f *finder) registries(g *group, name string) []string {
	own := strings.TrimSuffix(g.registry.value, "/")
	if own == "" && !HasHost(name) {
		own = g.above
	}
	switch {
	case own != "" && own == g.above && strings.Contains(own, "/"):
		return slices.Compact([]string{own, f.globalRegistry})
	case own != "" && join(own, name) != name && HasHost(name):
		return []string{own, ""}
	case f.globalRegistry == "" || f.globalRegistry == own || HasHost(name):
		return []string{own}
	case own == "":
		return []string{f.globalRegistry}
	default:
		return []string{own, f.globalRegistry}
	}
}

// join puts a registry before a repository, unless it begins with it already.
func join(registry, repository string) string {
	if registry == "" || strings.HasPrefix(repository, registry+"/") {
		return repository
	}
	return registry + "/" + repository
}

// tagAndDigest reads a group's tag, which may have the digest behind it, and its
// digest. What is none is reported, and empty.
func (f *finder) tagAndDigest(at *path, m map[string]any, g *group) (tag, digest string) {
	if _, isScalar := scalar(m[g.tag.key]); g.tag.key != "" && !isScalar {
		f.invalid(at.field(g.tag.key), errors.New("is a list or an object, want a tag: "+tagGrammar))
	}
	if n, isNumber := m[g.tag.key].(json.Number); isNumber {
		f.exponent(at.field(g.tag.key), n)
	}
	tag, digest, _ = strings.Cut(g.tag.value, "@")
	digest = cmp.Or(digest, g.digest.value)
	if digest != "" {
		if err := checkDigest(digest); err != nil {
			f.invalid(at, err)
			digest = ""
		}
	}
	if tag != "" {
		if err := CheckTag(tag); err != nil {
			f.invalid(at.field(g.tag.key), err)
			tag = ""
		}
	}
	return tag, digest
}

// exponent reports a number that Helm prints with an exponent, and not as it was written.
func (f *finder) exponent(at *path, n json.Number) {
	if float, err := n.Float64(); err == nil && strings.ContainsRune(fmt.Sprint(float), 'e') {
		f.invalid(at, fmt.Errorf("%s is a number, which Helm writes as %v: put the tag in quotes", Shorten(n.String()), float))
	}
}

// tagged takes an image whose tag and digest are fields of their own. Without a
// tag it is mentioned all the same, for a policy may know one.
func (f *finder) tagged(at *path, m Mention, tag, digest string) {
	m.Path = at.String()
	own := m.Reference
	if own.Tag != "" {
		f.mentions = append(f.mentions, m)
	}
	if tag == "" && own.Tag != "" {
		return
	}
	m.Tag, m.Digest = tag, cmp.Or(digest, m.Digest)
	f.mentions = append(f.mentions, m)
}
