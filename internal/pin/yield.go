package pin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// yield is what one release needs.
type yield struct {
	mode
	// left counts the tags that were left out because no policy follows them.
	left int

	findings []Finding
	answers  map[asked]answer
	linked   map[*target]bool
	// policies are those that are linked, sorted.
	policies []*target
	needs    []need
	problems []v1alpha1.Problem
}

// mode is how a release is looked at.
type mode struct {
	// floatingOnly leaves out the tags that no policy follows.
	floatingOnly bool
	// explain keeps the findings, which only people read.
	explain bool
}

// need is a tag that a release needs, and where it was found.
type need struct {
	ref image.Reference
	via string
}

// yieldOf finds the images in a release and the policies that follow them, and
// from both the tags that it needs.
func yieldOf(r *Release, l *linker, how mode) *yield {
	y := &yield{
		mode: how, answers: map[asked]answer{}, linked: map[*target]bool{},
	}
	if r.Found != nil {
		y.problems = slices.Clone(r.Found.Problems)
		for i := range r.Found.Mentions {
			y.take(&r.Found.Mentions[i], r, l)
		}
	}
	y.annotated(r, l)
	y.policies = slices.SortedFunc(maps.Keys(y.linked), func(a, b *target) int { return compareNames(a.Name, b.Name) })
	for _, t := range y.policies {
		y.follow(t)
	}
	y.answers, y.linked = nil, nil // only for finding it; a Planner keeps the rest
	return y
}

// annotated adds the policies that the release's annotation names.
func (y *yield) annotated(r *Release, l *linker) {
	field := fmt.Sprintf("metadata.annotations[%s]", v1alpha1.ImagePoliciesAnnotation)
	for entry := range strings.SplitSeq(r.Policies, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		name := Name{Namespace: r.Namespace, Name: entry}
		if namespace, rest, found := strings.Cut(entry, "/"); found {
			name = Name{Namespace: namespace, Name: rest}
		}
		t, found := l.byName[name]
		if !found {
			y.problem(v1alpha1.ReasonPolicyNotFound, field, "there is no ImagePolicy "+image.Shorten(name.String()))
			continue
		}
		y.linked[t] = true
		y.found(r, field, t.repository().String(), NamedByAnnotation, t)
	}
}

// found notes what was found where, for people.
func (y *yield) found(r *Release, path, image string, rule Rule, linked ...*target) {
	if !y.explain {
		return
	}
	f := Finding{Release: r.Name, Path: path, Image: image}
	for _, t := range linked {
		f.Policies, f.How = append(f.Policies, t.Name), rule
	}
	slices.SortFunc(f.Policies, compareNames)
	y.findings = append(y.findings, f)
}

// take adds what one image in the values needs: its tag, and the policies that
// follow it.
func (y *yield) take(m *image.Mention, r *Release, l *linker) {
	linked, rule := y.link(m, r, l)
	y.found(r, m.Path, m.String(), rule, linked...)
	refs := meant(m, linked)
	if y.floatingOnly && !slices.ContainsFunc(linked, func(t *target) bool { return t.accepts(m.Tag) }) {
		y.left += len(refs)
		refs = nil
	}
	for _, ref := range refs {
		y.needs = append(y.needs, need{ref: ref, via: m.Path})
	}
	switch {
	case m.Tag != "" && m.Repository == (image.Repository{}) && len(linked) == 0:
		y.problem(v1alpha1.ReasonNoRepository, m.Path, fmt.Sprintf(
			"tag %q stands without a repository, and no ImagePolicy that accepts it has a name that agrees: "+
				"it is not known which image is meant", m.Tag))
	case m.Tag == "" && !slices.ContainsFunc(linked, func(t *target) bool { return len(t.tags()) > 0 }):
		why := "has no tag (the chart's default is meant, which is not known here)"
		if m.Digest != "" {
			why = "has no tag, only a digest, which a cleaner does not keep"
		}
		y.problem(v1alpha1.ReasonNoTag, m.Path, m.Repository.String()+" "+why+", and no ImagePolicy names one")
	}
}

// asked is all of a mention that its links depend on.
type asked struct {
	ref               image.Reference
	hostless, implied bool
	hint              string
}

// answer is the links of a mention.
type answer struct {
	linked []*target
	rule   Rule
}

// link links a mention, once for all mentions that are alike.
func (y *yield) link(m *image.Mention, r *Release, l *linker) ([]*target, Rule) {
	key := asked{m.Reference, m.Hostless, m.Implied, m.Hint}
	a, found := y.answers[key]
	if !found {
		a.linked, a.rule = l.link(m, r)
		y.answers[key] = a
		for _, t := range a.linked {
			y.linked[t] = true
		}
	}
	return a.linked, a.rule
}

// meant returns the images with the tag that a release mentions: at the
// repository that it names, and at those of the policies that were found without
// the registry or the repository being named.
func meant(m *image.Mention, linked []*target) []image.Reference {
	if m.Tag == "" {
		return nil
	}
	var refs []image.Reference
	if m.Repository != (image.Repository{}) {
		refs = append(refs, m.Reference)
		if !m.Hostless {
			return refs
		}
	}
	for _, t := range linked {
		if repository := t.repository(); repository != m.Repository && repository != (image.Repository{}) {
			refs = append(refs, image.Reference{Repository: repository, Tag: m.Tag})
		}
	}
	return refs
}

// follow adds what a linked policy needs.
func (y *yield) follow(t *target) {
	object := policyObject + t.String()
	refs := t.tags()
	for _, ref := range refs {
		y.needs = append(y.needs, need{ref: ref, via: object})
	}
	if t.NotReady != "" {
		y.problems = append(y.problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonPolicyNotReady, Object: object, Message: "is not ready: " + image.Shorten(t.NotReady),
		})
	}
	if len(refs) == 0 {
		y.problems = append(y.problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonPolicyUnresolved, Object: object,
			Message: "has not resolved a tag yet, and its filterTags.pattern does not name one literally",
		})
	}
}

func (y *yield) problem(reason v1alpha1.Reason, field, message string) {
	y.problems = append(y.problems, v1alpha1.Problem{Reason: reason, Field: field, Message: message})
}

// names returns the linked policies as namespace/name.
func (y *yield) names() []string {
	names := make([]string, 0, len(y.policies))
	for _, t := range y.policies {
		names = append(names, t.String())
	}
	return names
}

// policyObject is how a policy is named in a report, before its namespace/name.
const policyObject = "ImagePolicy "
