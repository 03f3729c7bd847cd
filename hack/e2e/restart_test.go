//go:build e2e

package e2e

import (
	"context"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// suspendedByPolicy is a story with a suspended release whose tag only a policy names.
func suspendedByPolicy(t *testing.T) *story {
	t.Helper()
	s := newStory(t)
	built := s.registry.push("app", "0.1.1", "staging")
	s.follow("app", "app")
	s.resolves("app", built)
	s.Needs(testbed.Pin("app", "staging"))
	s.releaseWith("app", true, values{"image": map[string]string{"repository": s.registry.Name("app")}})
	s.lists(testbed.Pin("app", "staging"))
	s.cleans(testbed.Pin("app", "0.1.1"))
	return s
}

// image-reflector-controller without its tags does not know what the policy has resolved: not
// even while the registry has no tag, either.
func TestEmptyImageReflector(t *testing.T) {
	s := suspendedByPolicy(t)
	s.registry.delete("app", "staging")
	s.losesTag("app")
	localtest.Must(t, s.Flux.EmptyImageReflector(t.Context()))
	s.losesTag("app")
	s.lists(testbed.Pin("app", "staging"))
	built := s.registry.push("app", "0.1.2", "staging")
	s.cleans(testbed.Pin("app", "0.1.2"))
	s.resolves("app", built)
	s.registry.expectWhole("app", "staging", built)
}

// A restart of Flux's controllers changes nothing for a suspended release.
func TestFluxRestarts(t *testing.T) {
	s := suspendedByPolicy(t)
	localtest.Must(t, s.Flux.Restart(t.Context()))
	built := s.registry.push("app", "0.1.2", "staging")
	s.resolves("app", built)
	s.lists(testbed.Pin("app", "staging"))
	s.cleans(testbed.Pin("app", "0.1.2"))
	s.setValues("app", values{"image": s.image("app", "staging")})
	s.resume("app", "app:staging", testbed.Pin("app", "staging"))
	s.registry.expectWhole("app", "staging", built)
}

// A change of Flux's controllers, as an upgrade makes it, changes nothing for a suspended release:
// not while they run with other flags, nor when these are taken back.
func TestFluxUpgrade(t *testing.T) {
	s := newStory(t)
	one := s.registry.push("app", "1")
	s.release("app", "app", "1", false)
	s.isLive("app", "app:1")
	s.suspend("app", testbed.Pin("app", "1"))
	s.registry.push("app", "2")
	s.Needs(testbed.Pin("app", "2"))
	s.setValues("app", values{"image": s.image("app", "2")})
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "2"))

	// The controllers see no object any more, and then all of them as new ones.
	t.Cleanup(func() { localtest.Must(t, s.Flux.Restart(context.Background())) })
	localtest.Must(t, s.Flux.Restart(t.Context(), "--watch-label-selector", "none=selected", "--concurrent", "1"))
	s.needed(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.cleans()
	localtest.Must(t, s.Flux.Restart(t.Context(), "--log-level", "debug", "--concurrent", "1"))
	s.needed(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.cleans()
	s.registry.expectWhole("app", "1", one)
	s.resume("app", "app:2", testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.cleans(testbed.Pin("app", "1"))
}
