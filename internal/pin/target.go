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
	// needed is made when its tags are asked for.
	needed []image.Reference
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
	return t.rulesAccept(tag)
}

func (t *target) rulesAccept(tag string) bool {
	if t.matcher == nil {
		t.matcher = t.Rules.Matcher()
	}
	return t.matcher.Accepts(tag)
}

// tags returns the tags that a policy needs: what it last resolved to, and those
// that its pattern names where that may not be what it resolves to next: it has
// not resolved for the image that it follows, its rules have changed since, or it
// is not ready.
func (t *target) tags() []image.Reference {
	if t.needed == nil {
		t.needed = []image.Reference{}
		if t.latest != nil {
			t.needed = append(t.needed, *t.latest)
		}
		if t.image != nil && !t.isSettled() {
			for _, tag := range policy.Literals(t.Rules.Pattern) {
				t.needed = append(t.needed, image.Reference{Repository: *t.image, Tag: tag})
			}
		}
	}
	return t.needed
}

func (t *target) isSettled() bool {
	return t.latest != nil && t.latest.Repository == *t.image && t.NotReady == "" && t.rulesAccept(t.latest.Tag)
}
