package pin

import (
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

	// matcher is made when the first tag is asked about.
	matcher *policy.Matcher
}

func newTarget(p Policy) *target {
	t := &target{Policy: p}
	repository, err := image.ParseRepository(p.LatestImage)
	if err == nil && image.CheckTag(p.LatestTag) == nil {
		t.latest = &image.Reference{Repository: repository, Tag: p.LatestTag}
	}
	return t
}

// repository is the one that a policy follows, or followed when it last resolved.
func (t *target) repository() image.Repository {
	switch {
	case t.image != nil:
		return *t.image
	case t.latest != nil:
		return t.latest.Repository
	default:
		return image.Repository{}
	}
}

// accepts says whether a tag is one that the policy can resolve to, or that it
// did resolve to under the rules that it had then.
func (t *target) accepts(tag string) bool {
	if t.latest != nil && t.latest.Tag == tag {
		return true
	}
	if t.matcher == nil {
		t.matcher = t.Rules.Matcher()
	}
	return t.matcher.Accepts(tag)
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
