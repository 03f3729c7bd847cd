package controllers

import "git.oleks.space/oleks/pinsync/internal/budget"

// memoryShares limit by namespace how much memory is taken by what is known of its releases.
type memoryShares struct {
	// passes are asked for when there is more room in a namespace than releases were refused for.
	passes *requests
	// releases is how many releases each namespace has.
	releases map[string]int
	taken    map[string]takenMemory
}

// takenMemory is how many bytes are taken, and how many the releases would take that were refused.
type takenMemory struct{ bytes, refused int }

// fits reports whether a namespace has room for so many bytes more.
func (m *memoryShares) fits(namespace string, bytes int) bool {
	return m.taken[namespace].bytes+bytes <= budget.NamespaceBytes+m.releases[namespace]*budget.NamespaceBytesPerRelease
}

// take counts what is known of a release, which takes so many bytes now, and reports whether there is room for
// it. What takes no more than before stays.
func (m *memoryShares) take(k *knownRelease, bytes int) bool {
	if bytes > k.bytes && !m.fits(k.namespace, bytes-k.bytes) {
		m.set(k, 0, bytes)
		return false
	}
	m.set(k, bytes, 0)
	return true
}

// free counts what is not known any more of a release.
func (m *memoryShares) free(k *knownRelease) { m.set(k, 0, 0) }

func (m *memoryShares) set(k *knownRelease, bytes, refused int) {
	taken := m.taken[k.namespace]
	taken.bytes += bytes - k.bytes
	taken.refused += refused - k.refused
	if bytes < k.bytes && taken.refused > 0 {
		m.passes.ask() // those that were refused may have been looked at already
	}
	k.bytes, k.refused = bytes, refused
	if taken == (takenMemory{}) {
		delete(m.taken, k.namespace)
		return
	}
	if m.taken == nil {
		m.taken = map[string]takenMemory{}
	}
	m.taken[k.namespace] = taken
}
