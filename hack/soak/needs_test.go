package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// A release needs what its values name, what its policies resolve to and what it ran, from when it
// is suspended until a Pod runs what its values name.
func TestTracker(t *testing.T) {
	l := tracker{}
	state := &clusterState{
		releases:  map[string]releaseState{"shop": {uid: "a", image: "shop:1"}},
		latest:    map[string][]string{"shop": {"shop:1"}, "blog": {"blog:9"}},
		templates: map[string]string{"shop": "shop:1"}, running: map[string][]string{"shop": {"shop:1"}},
	}
	isRunning := true // a replica of pinsync
	expect := func(when string, want phase, images ...string) {
		t.Helper()
		if state.at = state.at.Add(time.Minute); isRunning {
			state.synced = state.at.Add(time.Second)
		}
		l.update(state, func(string, *tracked) {})
		s := l["shop"]
		if got := slices.Sorted(maps.Keys(s.needs)); s.phase != want || !slices.Equal(got, images) {
			t.Errorf("%s: it is %s and needs %s; want %s, %s", when, s.phase, strings.Join(got, " "), want, strings.Join(images, " "))
		}
	}
	release := func(suspended bool, image string) {
		state.releases["shop"] = releaseState{uid: "a", suspended: suspended, image: image}
	}

	expect("installed", live)
	release(true, "shop:1")
	expect("suspended", suspended, "shop:1")
	state.running["shop"] = nil
	release(true, "shop:2")
	state.latest["shop"] = []string{"shop:3"}
	expect("values and policy moved on", suspended, "shop:1", "shop:2", "shop:3")
	state.latest["shop"] = []string{"shop:4"}
	expect("the policy moved on again", suspended, "shop:1", "shop:2", "shop:4")
	delete(state.templates, "shop")
	expect("its Deployment was deleted", suspended, "shop:1", "shop:2", "shop:4")
	delete(state.latest, "shop")
	expect("its policy was deleted", suspended, "shop:1", "shop:2")

	release(false, "shop:2")
	state.templates["shop"] = "shop:2"
	state.latest["shop"] = []string{"shop:5"}
	expect("resumed", resuming, "shop:1", "shop:2", "shop:5")
	state.latest["shop"] = []string{"shop:6"}
	expect("the policy moved on while it was resumed", resuming, "shop:1", "shop:2", "shop:5", "shop:6")
	isRunning = false
	state.latest["shop"] = []string{"shop:7"}
	expect("the policy moved on while no replica ran", resuming, "shop:1", "shop:2", "shop:5", "shop:6", "shop:7")
	state.latest["shop"] = []string{"shop:6"}
	expect("the policy moved back before one ran", resuming, "shop:1", "shop:2", "shop:5", "shop:6")
	isRunning = true
	state.running["shop"] = []string{"shop:1"}
	expect("a Pod runs what it ran", resuming, "shop:1", "shop:2", "shop:5", "shop:6")
	state.running["shop"] = []string{"shop:2"}
	expect("a Pod runs what its values name", live)

	release(true, "shop:2")
	expect("suspended again", suspended, "shop:2", "shop:6")
	before := l["shop"].needs["shop:2"]
	state.releases["shop"] = releaseState{uid: "b", suspended: true, image: "shop:2"}
	expect("deleted and made again", suspended, "shop:2", "shop:6")
	if l["shop"].needs["shop:2"] == before {
		t.Error("a release that was made again has the needs of the one before")
	}
	delete(state.releases, "shop")
	l.update(state, func(string, *tracked) {})
	if len(l) > 0 {
		t.Errorf("a deleted release is still in the tracker: %v", l)
	}
}
