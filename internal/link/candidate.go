package link

import (
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// Candidate is a policy that images can be linked to.
type Candidate struct {
	Policy
	// Latest is what it last resolved to; nil before it did.
	Latest *image.Reference

	// image is the repository that it follows; nil where that is not known.
	image *image.Repository
	// matcher is made when the first tag is matched.
	matcher *policy.Matcher
	// cost is that of its namespace.
	cost *cost
	// tags are made when they are asked for.
	tags []image.Reference
}

// newCandidate returns a candidate, whose namespace has that cost.
func newCandidate(p Policy, namespace *cost) *Candidate {
	c := &Candidate{Policy: p, cost: namespace}
	repository, err := image.ParseRepository(p.LatestImage)
	if err == nil && image.CheckTag(p.LatestTag) == nil {
		c.Latest = &image.Reference{Repository: repository, Tag: p.LatestTag}
	}
	return c
}

// Image returns the repository that a policy follows, or followed when it last resolved;
// the zero value where neither is known.
func (c *Candidate) Image() image.Repository {
	switch {
	case c.image != nil:
		return *c.image
	case c.Latest != nil:
		return c.Latest.Repository
	default:
		return image.Repository{}
	}
}

// Follows reports whether a repository is the one that the policy follows, or followed when
// it last resolved.
func (c *Candidate) Follows(repository image.Repository) bool {
	return c.image != nil && *c.image == repository || c.Latest != nil && c.Latest.Repository == repository
}

// HasDigest reports whether a digest is that of the tag which it last resolved to.
func (c *Candidate) HasDigest(digest string) bool {
	return c.Latest != nil && digest != "" && c.LatestDigest == digest
}

func (c *Candidate) hasResolved(tag string) bool { return c.Latest != nil && c.Latest.Tag == tag }

// steps returns what it takes at most to find out whether it accepts a tag.
func (c *Candidate) steps(tag string) int {
	if c.hasResolved(tag) {
		return 1
	}
	return c.rules().Steps(tag)
}

func (c *Candidate) rules() *policy.Matcher {
	if c.matcher == nil {
		c.matcher = c.Rules.Matcher()
	}
	return c.matcher
}

// accepts reports whether it accepts a tag, or has resolved to it.
func (c *Candidate) accepts(tag string) bool { return c.hasResolved(tag) || c.rulesAccept(tag) }

func (c *Candidate) rulesAccept(tag string) bool { return c.rules().Accepts(tag) }

// Tags returns the images that a policy needs: what it last resolved to, and the tags that
// its pattern names literally where one of those may be what it resolves to next: it has not
// resolved for the image that it follows, its rules have changed since, or it is not ready. Beyond
// the budget of its namespace a pattern names none.
func (c *Candidate) Tags() []image.Reference {
	if c.tags == nil {
		c.tags = []image.Reference{}
		if c.Latest != nil {
			c.tags = append(c.tags, *c.Latest)
		}
		if c.image != nil && c.mayExpand() && !c.isSettled() {
			for _, tag := range policy.Literals(c.Rules.Pattern) {
				c.tags = append(c.tags, image.Reference{Repository: *c.image, Tag: tag})
			}
		}
	}
	return c.tags
}

func (c *Candidate) isSettled() bool {
	return c.Latest != nil && c.Latest.Repository == *c.image && c.NotReady == "" && !c.IsChanged && c.rulesAccept(c.Latest.Tag)
}

// mayExpand counts that the pattern is read, and reports whether it may be.
func (c *Candidate) mayExpand() bool {
	steps := c.Rules.ReadSteps()
	if c.cost.read+steps > budget.Steps {
		return false
	}
	c.cost.read += steps
	return true
}
