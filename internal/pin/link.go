package pin

import (
	"cmp"
	"fmt"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// linker finds the policies that follow an image.
type linker struct {
	kin      *kin
	byName   map[Name]*target
	byImage  map[image.Repository][]*target
	bySuffix map[string][]*target
	problems []v1alpha1.Problem
}

// newLinker returns a linker of policies, which are sorted by name.
func newLinker(policies []Policy, repositories []Repository) *linker {
	images := make(map[Name]string, len(repositories))
	for _, repository := range repositories {
		images[repository.Name] = repository.Image
	}
	l := &linker{
		kin:      newKin(),
		byName:   make(map[Name]*target, len(policies)),
		byImage:  make(map[image.Repository][]*target, len(policies)),
		bySuffix: make(map[string][]*target, len(policies)),
	}
	for _, p := range policies {
		l.add(p, images)
	}
	return l
}

// add indexes a policy by the image that it follows, and by the image that it
// last resolved to: they differ after its ImageRepository was changed or deleted.
func (l *linker) add(p Policy, images map[Name]string) {
	t := newTarget(p)
	l.byName[p.Name] = t
	l.resolve(t, images)
	l.kin.add(t)
	if t.latest != nil {
		l.index(t, t.latest.Repository)
	}
	if t.image != nil && (t.latest == nil || t.latest.Repository != *t.image) {
		l.index(t, *t.image)
	}
}

// resolve finds the image that a policy follows.
func (l *linker) resolve(t *target, images map[Name]string) {
	followed, found := images[t.Repository]
	if !found {
		l.problem(t, fmt.Sprintf("its ImageRepository %s does not exist", t.Repository))
		return
	}
	repository, err := image.ParseRepository(followed)
	if err != nil {
		l.problem(t, fmt.Sprintf("the image of its ImageRepository %s: %v", t.Repository, err))
		return
	}
	t.image = &repository
}

// index makes a policy to be found by a repository, and by each end of its path.
func (l *linker) index(t *target, repository image.Repository) {
	l.byImage[repository] = append(l.byImage[repository], t)
	for suffix, more := repository.Path, true; more; _, suffix, more = strings.Cut(suffix, "/") {
		l.bySuffix[suffix] = append(l.bySuffix[suffix], t)
	}
}

func (l *linker) problem(t *target, message string) {
	l.problems = append(l.problems, v1alpha1.Problem{
		Reason: v1alpha1.ReasonPolicyWithoutImage, Object: policyObject + t.String(), Message: message,
	})
}

// link returns the policies that follow an image that a release mentions, in each
// namespace of policies by the first of these rules that finds any:
//
//  1. the repository is the policy's;
//  2. no registry is named, and the repository is the end of the policy's image;
//  3. only a tag is there, the policy accepts it, and a name of the policy agrees
//     with the release, its chart or the key that the tag stands under.
//
// Where several policies of one namespace do, those that accept the tag are
// linked, or all where none does. What other namespaces have changes nothing
// about that: nobody can take a release's link away by adding a policy.
func (l *linker) link(m *image.Mention, r *Release) ([]*target, Rule) {
	if m.Repository == (image.Repository{}) {
		return l.byKinship(m, r), AgreeingName
	}
	tag := m.Tag
	if m.Implied {
		tag = "" // what nobody wrote chooses no policy
	}
	groups, rule := byNamespace(l.byImage[m.Repository]), SameRepository
	if m.Hostless {
		if len(groups) == 0 {
			rule = SamePathEnd
		}
		for namespace, group := range byNamespace(l.byPathEnd(m.Repository, tag)) {
			if groups[namespace] == nil {
				groups[namespace] = group
			}
		}
	}
	var linked []*target
	for _, group := range groups {
		if accepting := accepting(group, tag); len(accepting) > 0 {
			group = accepting
		}
		linked = append(linked, group...)
	}
	return linked, rule
}

// byPathEnd returns the policies of the images that end with a repository. One word
// is the end of many an image that is no relation, so its policies must accept the
// tag.
func (l *linker) byPathEnd(repository image.Repository, tag string) []*target {
	path, isWord := strings.CutPrefix(repository.Path, "library/")
	if isWord && tag != "" {
		return accepting(l.bySuffix[path], tag)
	}
	return l.bySuffix[path]
}

// byKinship returns the policies that accept a tag and are the next of kin in
// their namespace.
func (l *linker) byKinship(m *image.Mention, r *Release) []*target {
	related := l.kin.of(r, m.Hint)
	done := map[string]bool{}
	var linked []*target
	for k := sameAsKey; k >= alikeChart; k-- {
		for _, group := range byNamespace(related[k]) {
			namespace := group[0].Namespace
			if list := accepting(group, m.Tag); len(list) > 0 && !done[namespace] {
				linked = append(linked, list...)
				done[namespace] = true
			}
		}
	}
	return linked
}

// byNamespace parts policies by their namespaces.
func byNamespace(targets []*target) map[string][]*target {
	groups := map[string][]*target{}
	for _, t := range targets {
		groups[t.Namespace] = append(groups[t.Namespace], t)
	}
	return groups
}

// accepting returns those of the candidates that accept a tag; none without one.
func accepting(candidates []*target, tag string) []*target {
	var list []*target
	for _, t := range candidates {
		if tag != "" && t.accepts(tag) {
			list = append(list, t)
		}
	}
	return list
}

func compareNames(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
