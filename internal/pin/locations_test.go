package pin_test

import (
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// An image without a registry may be at a configured one, and what is outside all of them is
// said once, and is neither NoTag nor NoPin.
func TestImagesAndConfiguredRegistries(t *testing.T) {
	owned := []pin.Registry{{Host: "g.io", Owner: "t", Type: pin.DefaultType}}
	anyOwner := []pin.Registry{{Host: "g.io", Type: pin.DefaultType}, {Host: "h.io", Owner: "t", Type: "generic"}}
	hub := []pin.Registry{{Host: "docker.io", Type: pin.DefaultType}}
	for name, test := range map[string]struct {
		registries []pin.Registry
		values     map[string]any
		images     string
		reasons    []v1alpha1.Reason
	}{
		"inside":                   {owned, map[string]any{"image": "g.io/t/a:1"}, "g.io/t/a:1", nil},
		"outside":                  {owned, map[string]any{"image": "i.io/t/a:1"}, "", []v1alpha1.Reason{v1alpha1.ReasonOutsideRegistries}},
		"another owner":            {owned, map[string]any{"image": "g.io/u/a:1"}, "", []v1alpha1.Reason{v1alpha1.ReasonOutsideRegistries}},
		"outside, no tag":          {owned, map[string]any{"image": map[string]any{"repository": "i.io/t/a"}}, "", []v1alpha1.Reason{v1alpha1.ReasonOutsideRegistries}},
		"no registry":              {owned, map[string]any{"image": "t/a:1"}, "g.io/t/a:1", []v1alpha1.Reason{v1alpha1.ReasonRegistryAssumed}},
		"no registry, other owner": {owned, map[string]any{"image": "u/a:1"}, "", []v1alpha1.Reason{v1alpha1.ReasonOutsideRegistries}},
		"no registry, any owner":   {anyOwner, map[string]any{"image": "u/a:1"}, "g.io/u/a:1", []v1alpha1.Reason{v1alpha1.ReasonRegistryAssumed}},
		"no registry, two of them": {anyOwner, map[string]any{"image": "t/a:1"}, "g.io/t/a:1 h.io/t/a:1", []v1alpha1.Reason{v1alpha1.ReasonRegistryAssumed}},
		"a word":                   {anyOwner, map[string]any{"image": "a:1"}, "", []v1alpha1.Reason{v1alpha1.ReasonOutsideRegistries}},
		"Docker Hub":               {hub, map[string]any{"image": "t/a:1"}, "docker.io/t/a:1", nil},
		"no registry, no tag": {
			owned,
			map[string]any{"image": map[string]any{"repository": "t/a"}},
			"",
			[]v1alpha1.Reason{v1alpha1.ReasonNoPin, v1alpha1.ReasonNoTag, v1alpha1.ReasonRegistryAssumed},
		},
		"nothing configured": {nil, map[string]any{"image": "t/a:1"}, "docker.io/t/a:1", nil},
	} {
		s := &pin.Snapshot{Releases: []pin.Release{{ID: id("apps", "web"), Suspended: true, Inputs: imagesIn(test.values)}}}
		report := pin.Plan(s, pin.Options{Registries: test.registries})
		var images []string
		for i := range report.Pins {
			images = append(images, report.Pins[i].Image)
		}
		var reasons []v1alpha1.Reason
		for _, p := range report.Releases[0].Problems {
			reasons = append(reasons, p.Reason)
		}
		slices.Sort(images)
		slices.Sort(reasons)
		if got := strings.Join(images, " "); got != test.images || !slices.Equal(reasons, test.reasons) {
			t.Errorf("%s: got %s and %v, want %s and %v", name, got, report.Releases[0].Problems, test.images, test.reasons)
		}
	}
}

// A policy tells where an image without a registry is.
func TestPolicyTellsTheRegistry(t *testing.T) {
	s := &pin.Snapshot{Releases: []pin.Release{suspended("web", "t/a:1")}}
	follows(s, "x", "g.io/t/a", "2")
	report := pin.Plan(s, pin.Options{Registries: []pin.Registry{{Host: "g.io", Type: pin.DefaultType}}})
	if len(report.Pins) != 2 || len(report.Releases[0].Problems) > 0 {
		t.Errorf("%v, %v", report.Pins, report.Releases[0].Problems)
	}
}

// A release all of whose images are outside, its policies' among them, is not one without pins that
// somebody has to correct.
func TestPolicyOutsideIsNoMissingPin(t *testing.T) {
	release := suspended("web", "")
	release.Inputs = imagesIn(nil)
	release.Policies = "x/i.io-t-a"
	s := &pin.Snapshot{Releases: []pin.Release{release}}
	follows(s, "x", "i.io/t/a", "2")
	problems := pin.Plan(s, pin.Options{Registries: []pin.Registry{{Host: "g.io", Type: pin.DefaultType}}}).Releases[0].Problems
	if len(problems) != 1 || problems[0].Reason != v1alpha1.ReasonOutsideRegistries || !strings.Contains(problems[0].Message, "i.io/t/a") {
		t.Errorf("got %v", problems)
	}
}

// The report has the digests that values name beside a tag, each once.
func TestDigestsOfPins(t *testing.T) {
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	s := &pin.Snapshot{Releases: []pin.Release{
		suspended("a", "g.io/o/a:1@"+digest("b")), suspended("b", "g.io/o/a:1@"+digest("a")), suspended("c", "g.io/o/a:1@"+digest("a")),
		suspended("d", "g.io/o/a:1"), suspended("e", "g.io/o/b:1"),
	}}
	report := pin.Plan(s, pin.Options{})
	if got, want := report.Pins[0].Digests, []string{digest("a"), digest("b")}; !slices.Equal(got, want) || report.Pins[1].Digests != nil {
		t.Errorf("got %v and %v, want %v", got, report.Pins[1].Digests, want)
	}
}
