package controllers

import (
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

func TestEventsHaveNoControlCharacters(t *testing.T) {
	if got := shorten("a\x1b[31mb\nc\x07", 100); got != "a [31mb c " {
		t.Errorf("got %q", got)
	}
	if got := shorten("äöü", 3); got != "ä …" {
		t.Errorf("got %q", got)
	}
}
