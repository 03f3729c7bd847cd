package pin

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/link"
)

// namedDigests tells which pins of the last list are tags of images that a release names by their digest alone: a policy
// told so once, and may have moved on since. The release keeps them as long as it names the digest.
type namedDigests struct {
	needs *needs
	// byPolicies is how many there are that only policies of each namespace have shown: they can claim any digest for
	// one tag after the other.
	byPolicies map[string]int
}

func newNamedDigests(n *needs) *namedDigests { return &namedDigests{n, map[string]int{}} }

// has reports whether a pin is the tag of a digest that the release names, or may be: of a pin with very many digests
// the report does not have all.
func (d *namedDigests) has(l line, p *v1alpha1.Pin) bool {
	named := d.needs.digests[l.repository()]
	isNamed := func(digest string) bool { return named[digest] }
	if len(named) == 0 || len(p.Digests) < maxDigests && !slices.ContainsFunc(p.Digests, isNamed) {
		return false
	}
	namespaces := map[string]bool{}
	for _, place := range places(p.Via) {
		policy, isPolicy := strings.CutPrefix(place, link.PolicyObject)
		if !isPolicy {
			return true
		}
		namespace, _, _ := strings.Cut(policy, "/")
		namespaces[namespace] = true
	}
	isKept := len(namespaces) == 0 // a truncated report has no places
	for namespace := range namespaces {
		d.byPolicies[namespace]++
		isKept = isKept || d.byPolicies[namespace] <= budget.ForeignTags
	}
	return isKept
}
