package link

import (
	"fmt"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// PolicyObject stands before a policy's namespace/name where a report names it.
const PolicyObject = "ImagePolicy "

// Linker finds the policies that follow an image.
type Linker struct {
	// Problems are those of the policies that no release can be linked to.
	Problems []v1alpha1.Problem

	names    *nameIndex
	byName   map[object.Name]*Candidate
	byImage  map[image.Repository][]*Candidate
	bySuffix map[string][]*Candidate
	byPath   map[string][]*Candidate
}

// New returns a linker of policies, which are sorted by name.
func New(policies []Policy, repositories []Repository) *Linker {
	images := make(map[object.Name]string, len(repositories))
	for _, repository := range repositories {
		images[repository.Name] = repository.Image
	}
	l := &Linker{
		names:    newNameIndex(),
		byName:   make(map[object.Name]*Candidate, len(policies)),
		byImage:  make(map[image.Repository][]*Candidate, len(policies)),
		bySuffix: make(map[string][]*Candidate, len(policies)),
		byPath:   make(map[string][]*Candidate, len(policies)),
	}
	for _, p := range policies {
		l.add(p, images)
	}
	return l
}

// Policy returns the policy of a name.
func (l *Linker) Policy(name object.Name) (c *Candidate, ok bool) {
	c, ok = l.byName[name]
	return c, ok
}

// add indexes a policy by the image that it follows, and by the image that it last resolved
// to: they differ after its ImageRepository was changed or deleted.
func (l *Linker) add(p Policy, images map[object.Name]string) {
	c := newCandidate(p)
	l.byName[p.Name] = c
	l.resolve(c, images)
	l.names.add(c)
	if c.Latest != nil {
		l.index(c, c.Latest.Repository)
	}
	if c.image != nil && (c.Latest == nil || c.Latest.Repository != *c.image) {
		l.index(c, *c.image)
	}
	if path := c.Image().Path; strings.Contains(path, "/") {
		l.byPath[path] = append(l.byPath[path], c)
	}
}

// resolve finds the image that a policy follows.
func (l *Linker) resolve(c *Candidate, images map[object.Name]string) {
	followed, ok := images[c.Repository]
	if !ok {
		l.problem(c, fmt.Sprintf("its ImageRepository %s does not exist", c.Repository))
		return
	}
	repository, err := image.ParseRepository(followed)
	if err != nil {
		l.problem(c, fmt.Sprintf("the image of its ImageRepository %s: %v", c.Repository, err))
		return
	}
	c.image = &repository
}

// index makes a policy found by a repository, and by each end of its path.
func (l *Linker) index(c *Candidate, repository image.Repository) {
	l.byImage[repository] = append(l.byImage[repository], c)
	for suffix, more := repository.Path, true; more; _, suffix, more = strings.Cut(suffix, "/") {
		l.bySuffix[suffix] = append(l.bySuffix[suffix], c)
	}
}

func (l *Linker) problem(c *Candidate, message string) {
	l.Problems = append(l.Problems, v1alpha1.Problem{
		Reason: v1alpha1.ReasonPolicyWithoutImage, Object: PolicyObject + c.String(), Message: message,
	})
}

// Link returns the policies that follow an image that a release mentions, in each namespace
// of policies by the first of these rules that finds any:
//
//  1. the repository is the policy's;
//  2. no registry is named, and the repository is the end of the policy's image;
//  3. the repository is the policy's but for the registry, from which it was moved, and has a
//     path of at least two segments;
//  4. only a tag is there, the policy accepts it, and a name of the policy matches the
//     release, its chart or the key that the tag stands under.
//
// Where several policies of one namespace do, those that accept the tag are linked, or all
// where none does. The policies of other namespaces do not change that: nobody can take a
// release's link away by adding a policy.
func (l *Linker) Link(m *image.Mention, s *Subject) ([]*Candidate, Rule) {
	if m.Repository == (image.Repository{}) {
		return l.byMatchingName(m, s), MatchingName
	}
	tag := m.Tag
	if m.Implied {
		tag = "" // what nobody wrote selects no policy
	}
	groups, rule := byNamespace(l.byImage[m.Repository]), SameRepository
	others, otherRule := l.byPath[m.Repository.Path], SamePath
	if m.Hostless {
		others, otherRule = l.byPathEnd(m.Repository, tag, s), SamePathEnd
	}
	if len(groups) == 0 {
		rule = otherRule
	}
	for namespace, group := range byNamespace(others) {
		if groups[namespace] == nil {
			groups[namespace] = group
		}
	}
	var linked []*Candidate
	for _, group := range groups {
		if accepting := s.accepting(group, tag); len(accepting) > 0 {
			group = accepting
		}
		linked = append(linked, group...)
	}
	return linked, rule
}

// byPathEnd returns the policies of the images that end with a repository. A single word is
// the end of many unrelated images, so its policies must accept the tag.
func (l *Linker) byPathEnd(repository image.Repository, tag string, s *Subject) []*Candidate {
	path, isWord := strings.CutPrefix(repository.Path, "library/")
	if isWord && tag != "" {
		return s.accepting(l.bySuffix[path], tag)
	}
	return l.bySuffix[path]
}

// byMatchingName returns the policies that accept a tag and whose names match best in their
// namespace.
func (l *Linker) byMatchingName(m *image.Mention, s *Subject) []*Candidate {
	found := l.names.find(s, m.Hint)
	done := map[string]bool{}
	var linked []*Candidate
	for how := equalsKey; how >= partOfChart; how-- {
		for namespace, group := range byNamespace(found[how]) {
			if list := s.accepting(group, m.Tag); len(list) > 0 && !done[namespace] {
				linked = append(linked, list...)
				done[namespace] = true
			}
		}
	}
	return linked
}

func byNamespace(candidates []*Candidate) map[string][]*Candidate {
	groups := map[string][]*Candidate{}
	for _, c := range candidates {
		groups[c.Namespace] = append(groups[c.Namespace], c)
	}
	return groups
}

// mayMatch counts that a policy is asked, and reports whether it may be. Those of namespaces that the
// release does not refer to have a budget of their own, which takes nothing from the others.
func (s *Subject) mayMatch(c *Candidate) bool {
	if slices.Contains(s.Trusted, c.Namespace) {
		s.Matches++
		return true
	}
	s.foreign++
	return s.foreign <= budget.Matches
}

// accepting returns those of the candidates that accept a tag; none without one, and all where they
// are too many to be asked.
func (s *Subject) accepting(candidates []*Candidate, tag string) []*Candidate {
	if tag != "" && len(candidates) > budget.Policies {
		return candidates
	}
	var list []*Candidate
	for _, c := range candidates {
		if tag != "" && s.mayMatch(c) && c.Accepts(tag) {
			list = append(list, c)
		}
	}
	return list
}
