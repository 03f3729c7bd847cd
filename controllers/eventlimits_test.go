package controllers

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/pin"
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

// What is too many for a pass waits for the next ones, and what is too many to wait is dropped.
func TestEventsWait(t *testing.T) {
	r := &eventRecorder{releases: informers.New(informers.Options{})}
	report := &v1alpha1.PinReport{}
	var changes []pendingEvent
	for i := range 2*maxEvents + 1 {
		name := fmt.Sprint("app-", i)
		report.Releases = append(report.Releases, v1alpha1.Release{
			Namespace: "apps", Name: name, Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonNoTag, Message: "it has no tag"}},
		})
		changes = append(changes, pendingEvent{about: subject{kind: r.releases, name: types.NamespacedName{Namespace: "apps", Name: name}}})
	}
	for pass, want := range []int{maxEvents, 2 * maxEvents, 2*maxEvents + 1} {
		r.record(t.Context(), &pin.Snapshot{}, report)
		sent := 0
		for _, message := range r.recorded {
			if message != "" {
				sent++
			}
		}
		if sent != want || r.isBehind != (want < len(changes)) {
			t.Errorf("after pass %d: %d problems are recorded, and there are more: %v", pass+1, sent, r.isBehind)
		}
	}
	r.recordChanges(t.Context(), changes)
	r.recordChanges(t.Context(), nil)
	if len(r.waiting) != 1 || r.waiting[0].about != changes[2*maxEvents].about {
		t.Errorf("after two passes, %d changes wait", len(r.waiting))
	}
	r.recordChanges(t.Context(), slices.Repeat(changes, 10))
	if len(r.waiting) != maxWaiting {
		t.Errorf("%d changes wait", len(r.waiting))
	}
	if r.record(t.Context(), &pin.Snapshot{}, report); !r.isBehind {
		t.Error("no pass is made for the changes that wait")
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
