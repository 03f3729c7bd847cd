package pin

import (
	"fmt"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
)

// locations returns the repositories at which an image is pinned: the one that is named, and,
// where no registry is named, those of the configured registries that may have it, because the
// chart may join it with any. A single word is an image of Docker Hub: elsewhere an owner stands
// before it. There are none if it is outside all of them.
func locations(registries []Registry, m *image.Mention) []image.Repository {
	var list []image.Repository
	if _, ok := pinName(registries, m.Repository); ok {
		list = append(list, m.Repository)
	}
	path := m.Repository.Path
	if !m.Hostless || !strings.Contains(strings.TrimPrefix(path, "library/"), "/") {
		return list
	}
	for i := range registries {
		location := image.Repository{Host: registries[i].Host, Path: path}
		if registries[i].includes(location) && location != m.Repository {
			list = append(list, location)
		}
	}
	return list
}

// locate returns where an image is pinned, and reports where that is not the registry that is
// named. An image outside the configured registries is in no list, and is no problem by itself.
func (f *needsFinder) locate(m *image.Mention, linked []*link.Candidate) []image.Repository {
	if m.Repository == (image.Repository{}) {
		return nil
	}
	list := locations(f.registries, m)
	isKnown := slices.ContainsFunc(linked, func(c *link.Candidate) bool {
		_, ok := pinName(f.registries, c.Image())
		return ok
	})
	switch {
	case m.Hostless && (isKnown || f.isAnswered):
	case len(list) == 0:
		f.result.outside = append(f.result.outside, quote(m, image.Shorten(m.Repository.String())))
	case m.Hostless && len(f.registries) > 0 && m.Repository != list[0]:
		var names []string
		for _, location := range list {
			names = append(names, quote(m, location.String()))
		}
		f.problem(v1alpha1.ReasonRegistryAssumed, m.Path, fmt.Sprintf(
			"names no registry: it is protected as %s, in case the chart's own registry is that one", strings.Join(few(sortedSet(names), 5), ", ")))
	}
	return list
}

// reportOutside reports the images that the configured registries do not include.
func (f *needsFinder) reportOutside() {
	if list := sortedSet(f.result.outside); len(list) > 0 {
		f.problem(v1alpha1.ReasonOutsideRegistries, "", "the configured registries do not include "+strings.Join(few(list, 5), ", "))
	}
}

// reportMoved reports the policies that are linked although they follow another registry than
// the one that is named.
func (f *needsFinder) reportMoved(m *image.Mention, linked []*link.Candidate) {
	if m.Hostless || m.Repository == (image.Repository{}) {
		return
	}
	var others []string
	for _, c := range linked {
		if !c.Follows(m.Repository) {
			others = append(others, fmt.Sprintf("%s (%s)", c, quote(m, image.Shorten(c.Image().String()))))
		}
	}
	if len(others) > 0 {
		f.problem(v1alpha1.ReasonRegistryMoved, m.Path, fmt.Sprintf(
			"no ImagePolicy of their namespaces follows %s as it is written; those of the same path at another registry are linked: %s",
			quote(m, m.Repository.String()), strings.Join(few(sortedSet(others), 5), ", ")))
	}
}
