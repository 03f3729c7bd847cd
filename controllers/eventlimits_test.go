package controllers

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func TestEventsAreLimited(t *testing.T) {
	r := &eventRecorder{}
	sent := 0
	for range 1000 {
		if r.allow(types.NamespacedName{Namespace: "a", Name: "noisy"}) {
			sent++
		}
	}
	if sent < eventBurst || sent > eventBurst+1 {
		t.Errorf("%d events were sent", sent)
	}
	if !r.allow(types.NamespacedName{Namespace: "a", Name: "calm"}) {
		t.Error("no event about another object is sent")
	}
}

// The many events of one namespace do not delay those of others, nor those about the Namespaces.
func TestEventsAreSentInTurn(t *testing.T) {
	var all []pendingEvent
	for i := range 2 * maxEvents {
		all = append(all, pendingEvent{about: subject{name: types.NamespacedName{Namespace: "many", Name: fmt.Sprint("app-", i)}}})
	}
	few := []types.NamespacedName{{Namespace: "few", Name: "a"}, {Namespace: "few", Name: "b"}, {Name: "few"}, {Name: "other"}}
	for _, name := range few {
		all = append(all, pendingEvent{about: subject{name: name}})
	}
	now, later := inTurn(all)
	if len(now) != maxEvents || len(later) != maxEvents+len(few) {
		t.Fatalf("%d are sent now and %d later", len(now), len(later))
	}
	isSent := map[types.NamespacedName]bool{}
	for i := range now {
		isSent[now[i].about.name] = true
	}
	for _, name := range few {
		if !isSent[name] {
			t.Errorf("the event about %s waits for those of others", name)
		}
	}
}

func TestEventsHaveNoControlCharacters(t *testing.T) {
	if got := shorten("a\x1b[31mb\nc\x07", 100); got != "a [31mb c " {
		t.Errorf("got %q", got)
	}
	if got := shorten("äöü", 3); got != "ä …" {
		t.Errorf("got %q", got)
	}
}
