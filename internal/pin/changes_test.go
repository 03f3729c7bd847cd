package pin

import (
	"fmt"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

func TestChanges(t *testing.T) {
	needed := func(pin string, releases ...string) v1alpha1.Pin {
		return v1alpha1.Pin{Pin: pin, State: v1alpha1.PinNeeded, NeededBy: releases}
	}
	held := func(pin string, releases ...string) v1alpha1.Pin {
		p := v1alpha1.Pin{Pin: pin, State: v1alpha1.PinHeld}
		for _, release := range releases {
			p.HeldFor = append(p.HeldFor, v1alpha1.Hold{Owner: release})
		}
		return p
	}
	for name, test := range map[string]struct {
		before, after []v1alpha1.Pin
		want          string
	}{
		"nothing":            {nil, nil, "[]"},
		"as before":          {[]v1alpha1.Pin{needed("a", "n/r"), held("b", "n/r")}, []v1alpha1.Pin{needed("a", "n/r"), held("b", "n/r")}, "[]"},
		"new":                {nil, []v1alpha1.Pin{needed("b", "n/r"), needed("a", "n/r", "n/s")}, "[{n/r Pinned [a b]} {n/s Pinned [a]}]"},
		"resumed":            {[]v1alpha1.Pin{needed("a", "n/r")}, []v1alpha1.Pin{held("a", "n/r")}, "[{n/r Held [a]}]"},
		"suspended again":    {[]v1alpha1.Pin{held("a", "n/r")}, []v1alpha1.Pin{needed("a", "n/r")}, "[{n/r Pinned [a]}]"},
		"live":               {[]v1alpha1.Pin{held("a", "n/r")}, nil, "[{n/r Unpinned [a]}]"},
		"live for one":       {[]v1alpha1.Pin{held("a", "n/r", "n/s")}, []v1alpha1.Pin{held("a", "n/s")}, "[{n/r Unpinned [a]}]"},
		"held for who knows": {nil, []v1alpha1.Pin{held("a", "*", "n/r")}, "[]"},
		"of another image":   {[]v1alpha1.Pin{needed("a", "n/r"), held("a", "n/r")}, []v1alpha1.Pin{held("a", "n/r"), needed("a", "n/r")}, "[]"},
	} {
		if got := fmt.Sprint(Changes(test.before, test.after)); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
