package link

import (
	"fmt"
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

	costs    costs
	names    *nameIndex
	byName   map[object.Name]*Candidate
	byImage  map[image.Repository]groups
	bySuffix map[string]groups
	byPath   map[string]groups
}

// groups are policies by namespace.
type groups map[string][]*Candidate

// New returns a linker of policies, which are sorted by name.
func New(policies []Policy, repositories []Repository) *Linker {
	images := make(map[object.Name]string, len(repositories))
	for _, repository := range repositories {
		images[repository.Name] = repository.Image
	}
	l := &Linker{
		costs:    costs{},
		names:    &nameIndex{whole: map[string][]*Candidate{}, parts: map[string][]*Candidate{}},
		byName:   make(map[object.Name]*Candidate, len(policies)),
		byImage:  make(map[image.Repository]groups, len(policies)),
		bySuffix: make(map[string]groups, len(policies)),
		byPath:   make(map[string]groups, len(policies)),
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
	c := newCandidate(p, l.costs.of(p.Namespace))
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
		addTo(l.byPath, path, c)
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
	addTo(l.byImage, repository, c)
	for suffix, more := repository.Path, true; more; _, suffix, more = strings.Cut(suffix, "/") {
		addTo(l.bySuffix, suffix, c)
	}
}

func addTo[K comparable](index map[K]groups, key K, c *Candidate) {
	if index[key] == nil {
		index[key] = groups{}
	}
	index[key][c.Namespace] = append(index[key][c.Namespace], c)
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
	followers, rule := l.byImage[m.Repository], SameRepository
	others, otherRule := l.byPath[m.Repository.Path], SamePath
	if m.Hostless {
		others, otherRule = l.byPathEnd(m.Repository, tag, s), SamePathEnd
	}
	if len(followers) == 0 {
		rule = otherRule
	}
	var linked []*Candidate
	for _, group := range followers {
		linked = append(linked, l.narrow(group, tag, s)...)
	}
	for namespace, group := range others {
		if followers[namespace] == nil {
			linked = append(linked, l.narrow(group, tag, s)...)
		}
	}
	return linked, rule
}

// narrow returns the policies of one namespace that accept a tag, or all where none does, or where one that may
// could not be asked: but of those that the release does not rely on no more than may add tags to it.
func (l *Linker) narrow(group []*Candidate, tag string, s *Subject) []*Candidate {
	if accepting, isWhole := l.accepting(s, group, tag); isWhole && len(accepting) > 0 {
		group = accepting
	}
	return s.limit(group)
}

// limit limits policies of a namespace on which the release does not rely to as many as may add tags.
func (s *Subject) limit(group []*Candidate) []*Candidate {
	if len(group) > budget.ForeignTags && !s.trusts(group[0]) {
		return group[:budget.ForeignTags]
	}
	return group
}

// byPathEnd returns the policies of the images that end with a repository. A single word is
// the end of many unrelated images, so its policies must accept the tag, as far as they could be asked.
func (l *Linker) byPathEnd(repository image.Repository, tag string, s *Subject) groups {
	path, isWord := strings.CutPrefix(repository.Path, "library/")
	if !isWord || tag == "" {
		return l.bySuffix[path]
	}
	accepting := groups{}
	for namespace, group := range l.bySuffix[path] {
		list, isWhole := l.accepting(s, group, tag)
		if !isWhole {
			list = group
		}
		if len(list) > 0 {
			accepting[namespace] = s.limit(list)
		}
	}
	return accepting
}

// byMatchingName returns the policies that accept a tag and whose names match best in their
// namespace.
func (l *Linker) byMatchingName(m *image.Mention, s *Subject) []*Candidate {
	found := l.names.find(s, m.Hint)
	done := map[string]bool{}
	var linked []*Candidate
	for how := equalsKey; how >= partOfChart; how-- {
		for namespace, group := range byNamespace(found[how]) {
			if list, _ := l.accepting(s, group, m.Tag); len(list) > 0 && !done[namespace] {
				linked = append(linked, s.limit(list)...)
				done[namespace] = true
			}
		}
	}
	return linked
}

func byNamespace(candidates []*Candidate) groups {
	byName := groups{}
	for _, c := range candidates {
		byName[c.Namespace] = append(byName[c.Namespace], c)
	}
	return byName
}
