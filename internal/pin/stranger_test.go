package pin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// webShop is a cluster with a policy of a central namespace and a release with these values, for which a
// line is listed.
func webShop(t *testing.T, values map[string]any, line string) *pin.Snapshot {
	t.Helper()
	s := &pin.Snapshot{}
	addPolicy(s, "images", "web-shop", "g.io/o/web-shop", "1.5.0", policy.Rules{SemVer: "1.x"})
	s.Releases = append(s.Releases, pin.Release{ID: id("apps", "web-shop"), Suspended: true, Inputs: imagesIn(values)})
	expectPin(t, s, "alone", line)
	return s
}

func expectPin(t *testing.T, s *pin.Snapshot, what, line string) {
	t.Helper()
	report := pin.Plan(s, pin.Options{})
	if got := lines(report); !strings.Contains(got, line+"\n") {
		t.Errorf("%s: %s is missing from\n%.300s", what, line, got)
	}
}

// A stranger's policies that take long to ask use up what a namespace may take with strangers', so
// that a tag without a repository is not found to be of the image that another one's policy names.
func TestStrangerUsesUpForeignSteps(t *testing.T) {
	s := webShop(t, map[string]any{"frontend": map[string]any{"tag": "1.4.2"}}, "container/web-shop==1.4.2")
	// Costs of 101 thousand steps each, and then of half of that and so on: what is left is nothing.
	dear := func(i int) policy.Rules {
		return policy.Rules{SemVer: "9.9.9" + strings.Repeat(" ", 1000>>max(0, i-10))}
	}
	// Each of these names matches the key, which counts more than the release's name.
	for i := range 20 {
		addPolicy(s, "evil", fmt.Sprintf("frontend-%c", 'a'+i), "evil.io/e/x", "", dear(i))
	}
	for i := range 20 {
		addPolicy(s, "evil", fmt.Sprintf("%c-web-shop", 'a'+i), "evil.io/e/y", "", dear(i))
	}
	// The same with more images of the namespace.
	for i := range 12 {
		s.Releases = append(s.Releases, pin.Release{
			ID: id("apps", fmt.Sprint("a", i)), Suspended: true, Inputs: imagesIn(map[string]any{"frontend": map[string]any{"tag": fmt.Sprint("1.0.", i)}}),
		})
	}
	slices.Reverse(s.Releases)
	expectPin(t, s, "with a stranger's policies", "container/web-shop==1.4.2")
}

// A stranger's policies use up how many tags strangers' policies may add.
func TestStrangerUsesUpForeignTags(t *testing.T) {
	s := webShop(t, map[string]any{"image": "g.io/o/web-shop:1.4.2"}, "container/web-shop==1.5.0")
	for i := range 100 {
		addPolicy(s, "evil", fmt.Sprintf("p-%d", i), "g.io/o/web-shop", fmt.Sprint("junk", i), policy.Rules{})
	}
	expectPin(t, s, "with a stranger's policies", "container/web-shop==1.5.0")
}

// That tags are left out which are only theirs is said, and does not count as a tag that is missing: anybody could have
// the lists of all refused.
func TestTagsLeftOut(t *testing.T) {
	for _, count := range []int{budget.ForeignTags, budget.ForeignTags + 1} {
		s, values := &pin.Snapshot{}, map[string]any{}
		for i := range count {
			addPolicy(s, "images", fmt.Sprint("p", i), fmt.Sprintf("g.io/o/app%d", i), "2.0.0", policy.Rules{SemVer: "x"})
			values[fmt.Sprint("c", i)] = map[string]any{"image": fmt.Sprintf("g.io/o/app%d:1.0.0", i)}
		}
		s.Releases = append(s.Releases, pin.Release{ID: id("apps", "umbrella"), Suspended: true, Inputs: imagesIn(values)})
		report := pin.Plan(s, pin.Options{})
		if len(report.Pins) != count+budget.ForeignTags || hasProblem(report, v1alpha1.ReasonTagsLeftOut) != (count > budget.ForeignTags) ||
			slices.ContainsFunc(report.Releases[0].Problems, pin.MayMissTag) {
			t.Errorf("%d policies: %d pins, and the problems %v", count, len(report.Pins), report.Releases[0].Problems)
		}
	}
}

// The same for a tag without a repository: then even the tag that the values name is lost.
func TestStrangerUsesUpForeignTagsOfNames(t *testing.T) {
	s := webShop(t, map[string]any{"frontend": map[string]any{"tag": "1.4.2"}}, "container/web-shop==1.4.2")
	for i := range 150 {
		addPolicy(s, "evil", fmt.Sprintf("p-%d", i), fmt.Sprintf("evil.io/e%d/frontend", i), "", policy.Rules{})
	}
	expectPin(t, s, "with a stranger's policies", "container/web-shop==1.4.2")
}
