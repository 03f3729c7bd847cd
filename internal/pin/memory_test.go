package pin_test

import (
	"slices"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// What another process wrote that keeps the list, too, replaces what was known. What somebody
// has removed or damaged does not; and where another plan was written whose owners are not in
// the report, they are not known.
func TestMerge(t *testing.T) {
	pins := func(names ...string) (pins []v1alpha1.Pin) {
		for _, name := range names {
			pins = append(pins, v1alpha1.Pin{Pin: "container/" + name + "==1", Image: "g.io/o/" + name + ":1"})
		}
		return pins
	}
	const a, b, both = "container/a==1\n", "container/b==1\n", "container/a==1\ncontainer/b==1\n"
	known := pin.Memory{Pins: pins("a"), Plan: "1"}
	for name, test := range map[string]struct {
		read          pin.Memory
		isNewer       bool
		want          string
		ownersUnknown bool
	}{
		"newer":                        {pin.Memory{Pins: pins("b"), Plan: "2"}, true, b, false},
		"older":                        {pin.Memory{Pins: pins("b"), Plan: "1"}, false, both, false},
		"gone":                         {pin.Memory{OwnersUnknown: true}, true, a, false},
		"damaged":                      {pin.Memory{Pins: pins("a"), OwnersUnknown: true, Plan: "1"}, true, a, false},
		"without a report":             {pin.Memory{Pins: []v1alpha1.Pin{{Pin: "container/a==1"}}, OwnersUnknown: true, Plan: "1"}, true, a, false},
		"damaged, with more":           {pin.Memory{Pins: pins("b"), OwnersUnknown: true, Plan: "1"}, true, both, true},
		"newer, with an older report":  {pin.Memory{Pins: pins("a"), OwnersUnknown: true, Plan: "2"}, true, a, true},
		"of another plan, as it seems": {pin.Memory{Pins: pins("a"), OwnersUnknown: true, Plan: "0"}, false, a, true},
	} {
		got := known.Merge(test.read, test.isNewer)
		if lines := pinlist.Lines(got.Pins); lines != test.want || got.OwnersUnknown != test.ownersUnknown {
			t.Errorf("%s: got %q, owners unknown %t; want %q, %t", name, lines, got.OwnersUnknown, test.want, test.ownersUnknown)
		}
	}
}

// Of a release that had no pin only the report tells that it was suspended: where another instance has written that alone,
// it is taken over, but for what the release ran; and so is what could not be written.
func TestMergeOfUnpinned(t *testing.T) {
	release := func(name string, state v1alpha1.ReleaseState, pins ...string) v1alpha1.Release {
		return v1alpha1.Release{Kind: "HelmRelease", Namespace: "apps", Name: name, State: state, Pins: pins, Ran: []string{}}
	}
	known := pin.Memory{Releases: []v1alpha1.Release{release("b", v1alpha1.ReleaseSuspended, "container/b==1")}}
	got := known.Merge(pin.Memory{Releases: []v1alpha1.Release{
		release("a", v1alpha1.ReleaseResuming), release("b", v1alpha1.ReleaseSuspended), release("c", v1alpha1.ReleaseSuspended),
		release("d", v1alpha1.ReleaseSuspended, "container/d==1"), release("e", v1alpha1.ReleaseLive),
	}}, false).Releases
	names := ""
	for i := range got {
		names += got[i].Name
	}
	if names != "abc" || got[0].Ran != nil || len(got[1].Pins) != 1 || got[1].Ran == nil {
		t.Errorf("got %+v", got)
	}
	unwritten := known.AddUnwritten(&v1alpha1.PinReport{Releases: []v1alpha1.Release{
		release("a", v1alpha1.ReleaseSuspended), release("b", v1alpha1.ReleaseSuspended), release("d", v1alpha1.ReleaseSuspended, "container/d==1"),
	}}).Releases
	if len(unwritten) != 2 || unwritten[0].Name != "a" || unwritten[0].Ran != nil || unwritten[1].Name != "b" {
		t.Errorf("with an unwritten report: got %+v", unwritten)
	}
	if len(known.Releases) != 1 {
		t.Error("the memory itself was changed")
	}
	resuming := pin.Memory{Releases: []v1alpha1.Release{release("a", v1alpha1.ReleaseResuming)}}
	again := resuming.AddUnwritten(&v1alpha1.PinReport{Releases: []v1alpha1.Release{release("a", v1alpha1.ReleaseSuspended)}}).Releases
	if len(again) != 1 || again[0].State != v1alpha1.ReleaseSuspended || again[0].Ran != nil {
		t.Errorf("suspended again: got %+v", again)
	}
}

// What a release ran it has run by the name, too, that the configuration has come to give the pin.
func TestRenameOfWhatRan(t *testing.T) {
	releases := []v1alpha1.Release{
		{Namespace: "apps", Name: "app", Ran: []string{"container/app==v1", "container/other==v1"}}, {Namespace: "apps", Name: "not-known"},
	}
	m := pin.Memory{Pins: []v1alpha1.Pin{{Pin: "container/app==v1", Image: "g.io/o/app:v1"}}, Releases: releases}
	got := m.Rename([]pin.Registry{{Host: "g.io", Type: "oci"}}).Releases
	if want := []string{"container/app==v1", "container/other==v1", "oci/app==v1"}; !slices.Equal(got[0].Ran, want) || got[1].Ran != nil {
		t.Errorf("got %v and %v, want %v and nil", got[0].Ran, got[1].Ran, want)
	}
	if len(releases[0].Ran) != 2 {
		t.Error("the memory itself was changed")
	}
}

// That there were ImagePolicies is known as long as a pin is listed that one has named.
func TestPoliciesAreRemembered(t *testing.T) {
	for via, want := range map[string]bool{"ImagePolicy apps/app": true, "spec.values.image": false} {
		report := &v1alpha1.PinReport{Pins: []v1alpha1.Pin{{Pin: "container/app==v1", Image: "g.io/o/app:v1", State: v1alpha1.PinNeeded, Via: []string{via}}}}
		if got := pin.MemoryOf(report).HasPolicies; got != want {
			t.Errorf("%s: a report: %t", via, got)
		}
		var p published
		p.writeList(t, report, "1")
		p.writeReport(t, report)
		if got := p.load(nil).HasPolicies; got != want {
			t.Errorf("%s: read again: %t", via, got)
		}
	}
}

// A release that comes to own a pin, or to own it in another way, is noticed, be the pin listed or
// not.
func TestAddsOwner(t *testing.T) {
	needed := func(name string, by ...string) v1alpha1.Pin {
		return v1alpha1.Pin{Pin: name, State: v1alpha1.PinNeeded, NeededBy: by}
	}
	held := v1alpha1.Pin{Pin: "b", State: v1alpha1.PinHeld, HeldFor: []v1alpha1.Hold{{Owner: "y"}}}
	for name, test := range map[string]struct {
		before, after []v1alpha1.Pin
		want          bool
	}{
		"nothing":         {nil, nil, false},
		"as before":       {[]v1alpha1.Pin{needed("a", "x"), held}, []v1alpha1.Pin{needed("a", "x"), held}, false},
		"a new pin":       {nil, []v1alpha1.Pin{needed("a", "x")}, true},
		"one more":        {[]v1alpha1.Pin{needed("a", "x")}, []v1alpha1.Pin{needed("a", "x", "y")}, true},
		"needed again":    {[]v1alpha1.Pin{needed("a", "x"), held}, []v1alpha1.Pin{needed("a", "x"), needed("b", "y")}, true},
		"needed no more":  {[]v1alpha1.Pin{needed("a", "x"), needed("b", "y")}, []v1alpha1.Pin{needed("a", "x"), held}, true},
		"held for more":   {[]v1alpha1.Pin{held}, []v1alpha1.Pin{{Pin: "b", State: v1alpha1.PinHeld, HeldFor: []v1alpha1.Hold{{Owner: "x"}, {Owner: "y"}}}}, true},
		"removed":         {[]v1alpha1.Pin{needed("a", "x"), held}, []v1alpha1.Pin{needed("a", "x")}, false},
		"another instead": {[]v1alpha1.Pin{needed("a", "x")}, []v1alpha1.Pin{needed("a", "y")}, true},
		"another image":   {[]v1alpha1.Pin{{Pin: "a", Image: "1", NeededBy: []string{"x"}}}, []v1alpha1.Pin{{Pin: "a", Image: "2", NeededBy: []string{"x"}}}, true},
		"pins in between": {[]v1alpha1.Pin{needed("a", "x"), needed("c", "x")}, []v1alpha1.Pin{needed("b", "x")}, true},
	} {
		if got := pin.AddsOwner(test.before, test.after); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
