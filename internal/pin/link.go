package pin

import (
	"cmp"
	"fmt"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// target is a policy as releases are linked to it.
type target struct {
	Policy
	// image is the repository that it follows; nil where that is not known.
	image *image.Repository
	// latest is what it last resolved to; nil before it did.
	latest *image.Reference
}

// linker finds the policies that follow an image.
type linker struct {
	byImage  map[image.Repository][]*target
	problems []v1alpha1.Problem
}

func newLinker(policies []Policy, repositories []Repository) *linker {
	images := make(map[Name]string, len(repositories))
	for _, repository := range repositories {
		images[repository.Name] = repository.Image
	}
	l := &linker{byImage: make(map[image.Repository][]*target, len(policies))}
	sorted := slices.SortedFunc(slices.Values(policies), func(a, b Policy) int { return compareNames(a.Name, b.Name) })
	for _, p := range sorted {
		l.add(p, images)
	}
	return l
}

// add indexes a policy by the image that it follows, and by the image that it
// last resolved to: they differ after its ImageRepository was changed or deleted.
func (l *linker) add(p Policy, images map[Name]string) {
	t := &target{Policy: p}
	latest, err := image.ParseRepository(p.LatestImage)
	if err == nil && image.CheckTag(p.LatestTag) == nil {
		t.latest = &image.Reference{Repository: latest, Tag: p.LatestTag}
		l.byImage[latest] = append(l.byImage[latest], t)
	}
	followed, found := images[p.Repository]
	repository, err := image.ParseRepository(followed)
	switch {
	case !found:
		l.problem(p, fmt.Sprintf("its ImageRepository %s does not exist", p.Repository))
		return
	case err != nil:
		l.problem(p, fmt.Sprintf("the image of its ImageRepository %s: %v", p.Repository, err))
		return
	}
	t.image = &repository
	if t.latest == nil || t.latest.Repository != repository {
		l.byImage[repository] = append(l.byImage[repository], t)
	}
}

func (l *linker) problem(p Policy, message string) {
	l.problems = append(l.problems, v1alpha1.Problem{
		Reason: v1alpha1.ReasonPolicyWithoutImage, Object: policyObject + p.String(), Message: message,
	})
}

// link returns the policies that follow an image: those that accept its tag, or
// all where none does or there is no tag.
func (l *linker) link(ref image.Reference) []*target {
	candidates := l.byImage[ref.Repository]
	if ref.Tag == "" || len(candidates) < 2 {
		return candidates
	}
	var accepting []*target
	for _, t := range candidates {
		if t.Rules.Accepts(ref.Tag) {
			accepting = append(accepting, t)
		}
	}
	if len(accepting) == 0 {
		return candidates
	}
	return accepting
}

// tags returns the tags that a policy needs: what it last resolved to, and
// where it has not resolved for the image that it follows, those that its
// pattern names.
func (t *target) tags() []image.Reference {
	var refs []image.Reference
	if t.latest != nil {
		refs = append(refs, *t.latest)
	}
	if t.image != nil && (t.latest == nil || t.latest.Repository != *t.image) {
		for _, tag := range policy.Literals(t.Rules.Pattern) {
			refs = append(refs, image.Reference{Repository: *t.image, Tag: tag})
		}
	}
	return refs
}

func compareNames(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
