package pin

import "git.oleks.space/oleks/pinsync/internal/budget"

// tagCounts count by namespace the releases whose needs are kept, and the tags that they refer to.
type tagCounts map[string]tagCount

type tagCount struct{ releases, tags int }

// fits reports whether a namespace has room for so many tags more.
func (c tagCounts) fits(namespace string, tags int) bool {
	n := c[namespace]
	return n.tags+tags <= budget.NamespacePins+n.releases*budget.PinsPerRelease
}

// replace counts what a release needs now instead of what it needed before; nil, it needs nothing.
func (c tagCounts) replace(namespace string, before, now *needs) {
	n := c[namespace]
	if before != nil {
		n.releases, n.tags = n.releases-1, n.tags-len(before.tags)
	}
	if now != nil {
		n.releases, n.tags = n.releases+1, n.tags+len(now.tags)
	}
	if c[namespace] = n; n == (tagCount{}) {
		delete(c, namespace)
	}
}

// hasRoomFor reports whether a namespace has room now for needs that it had none for.
func (c tagCounts) hasRoomFor(namespace string, n *needs) bool {
	return n.refused > 0 && c.fits(namespace, n.refused)
}
