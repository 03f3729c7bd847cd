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
	// foreign is how many are kept for policies of each namespace on which the release does not rely: they can claim any
	// digest for one tag after the other.
	foreign map[string]int
}

func newNamedDigests(n *needs) *namedDigests { return &namedDigests{n, map[string]int{}} }

// has reports whether a pin is the tag of a digest that the release names, or may be: of a pin with very many digests
// the report does not have all.
func (d *namedDigests) has(l line, p *v1alpha1.Pin) bool {
	named := d.needs.digests[l.repository()]
	isNamed := func(digest string) bool { return slices.Contains(named, digest) }
	if len(named) == 0 || len(p.Digests) < maxDigests && !slices.ContainsFunc(p.Digests, isNamed) {
		return false
	}
	isKept := len(p.Via) == 0 // a truncated report has none
	for _, place := range places(p.Via) {
		policy, isPolicy := strings.CutPrefix(place, link.PolicyObject)
		namespace, _, _ := strings.Cut(policy, "/")
		if !isPolicy {
			isKept = true
			continue
		}
		d.foreign[namespace]++
		isKept = isKept || d.foreign[namespace] <= budget.ForeignTags
	}
	return isKept
}
