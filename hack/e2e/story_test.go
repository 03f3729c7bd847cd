//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// story is a world in which pinsync runs and other releases stay suspended, and a witness of
// its list.
type story struct {
	*world
	*localtest.Witness
	// others are the pins of the other releases.
	others []string
}

func newStory(t *testing.T, configuration ...string) *story {
	t.Helper()
	return newWorld(t).story(configuration...)
}

// story starts a story in a world.
func (w *world) story(configuration ...string) *story {
	w.t.Helper()
	s := &story{world: w, Witness: localtest.StartWitness(w.t, w.Plane.Config)}
	for _, name := range []string{"blog", "shop", "wiki"} {
		s.registry.push(name, "production")
		s.others = append(s.others, testbed.Pin(name, "production"))
		s.release(name, name, "production", true)
	}
	s.Needs(s.others...)
	s.start(configuration...)
	s.lists()
	return s
}

// lists waits until the list has these pins besides those of the others.
func (s *story) lists(pins ...string) {
	s.t.Helper()
	s.expectList(append(pins, s.others...)...)
}

// needed waits until the report of the present list has these pins as needed: a pin that is
// only held is removed after the grace.
func (s *story) needed(pins ...string) {
	s.t.Helper()
	localtest.Until(s.t, func() (bool, string) {
		report, text := localtest.Report(s.t, s.Client, testbed.OwnNamespace)
		isHeld := func(p v1alpha1.Pin) bool { return p.State != v1alpha1.PinNeeded && slices.Contains(pins, p.Pin) }
		return !slices.ContainsFunc(report.Pins, isHeld), fmt.Sprintf("want that %q are needed; %s", pins, text)
	})
}

// suspend suspends a live release, waits until the list has its pins, which are needed from
// then on, and scales its Deployment to zero.
func (s *story) suspend(release string, pins ...string) {
	s.t.Helper()
	s.Needs(pins...)
	s.setSuspend(release, true)
	s.lists(pins...)
	s.scale(release, 0)
}

// cleans runs the cleaner's unit, which deletes exactly these versions.
func (s *story) cleans(want ...string) {
	s.t.Helper()
	s.host.cleans(want)
}

// resume resumes a release of which Helm has something to install or upgrade. Its pins stay
// until a Pod of it runs an image, and not longer.
func (s *story) resume(release, image string, pins ...string) {
	s.t.Helper()
	uncordon := s.cordon()
	s.setSuspend(release, false)
	s.reported(s.namespace + "/" + release + " is not Ready")
	s.lists(pins...)
	s.cleans()
	s.MayRemove(pins...)
	uncordon()
	s.isLive(release, image)
	s.lists()
}
