//go:build e2e

package e2e

import (
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// A tag that releases of two clusters need stays until both are live: what is proven live in one
// says nothing about the other.
func TestFluxInBothClusters(t *testing.T) {
	s := newStory(t)
	other := s.inAnother()
	other.offerChart()
	w := other.story() // with a pinsync of its own
	shared, eastern := testbed.Pin("app", "1"), testbed.Pin("east", "1")
	built := s.registry.push("app", "1")
	s.registry.push("east", "1")
	for _, cluster := range []*story{s, w} {
		cluster.release("app", "app", "1", false)
		cluster.isLive("app", "app:1")
	}
	s.release("east", "east", "1", false)
	s.isLive("east", "east:1")
	s.suspend("app", shared)
	s.Needs(eastern)
	s.setSuspend("east", true)
	s.lists(shared, eastern)
	s.scale("east", 0)
	w.suspend("app", shared)
	s.cleans()

	w.setValues("app", values{"image": w.image("app", "1"), "args": []string{"--changed"}})
	w.resume("app", "app:1", shared)
	w.scale("app", 0)
	s.lists(shared, eastern)
	s.cleans()
	s.registry.expectWhole("app", "1", built)

	s.setValues("app", values{"image": s.image("app", "1"), "args": []string{"--changed"}})
	s.MayRemove(shared)
	s.setSuspend("app", false)
	s.isLive("app", "app:1")
	s.lists(eastern)
	s.cleans()
}
