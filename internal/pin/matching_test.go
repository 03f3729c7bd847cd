package pin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// slowPattern takes nearly as long to match as a pattern may.
var slowPattern = strings.Repeat("(.*a.*b){1}", 40) + "x$"

// longTag takes as long to match as those of addReleases.
var longTag = "v1" + strings.Repeat("0", 110)

// addPolicies adds policies of a namespace that follow g.io/o/app.
func addPolicies(s *pin.Snapshot, namespace string, patterns ...string) {
	for i, pattern := range patterns {
		addPolicy(s, namespace, fmt.Sprintf("app-%02d", i), "g.io/o/app", "", policy.Rules{Pattern: pattern})
	}
}

// addReleases adds suspended releases of a namespace with so many tags of the image each.
func addReleases(s *pin.Snapshot, namespace string, releases, tags int) {
	for i := range releases {
		var list []any
		for j := range tags {
			list = append(list, map[string]any{"image": fmt.Sprintf("g.io/o/app:%s-%d-%d", strings.Repeat("ab", 50), i, j)})
		}
		s.Releases = append(s.Releases, pin.Release{
			ID: id(namespace, fmt.Sprint("r", i)), Suspended: true, Inputs: imagesIn(map[string]any{"list": list}),
		})
	}
}

// problems returns the reasons of a release's problems.
func problems(r *v1alpha1.PinReport, namespace, name string) []v1alpha1.Reason {
	var reasons []v1alpha1.Reason
	for _, release := range r.Releases {
		if release.Namespace == namespace && release.Name == name {
			for _, problem := range release.Problems {
				reasons = append(reasons, problem.Reason)
			}
		}
	}
	return reasons
}

// A namespace whose tags and patterns take too long together has the problem alone: what its other
// releases need is not affected, nor is what others' policies name.
func TestMatchingBeyondTheBudget(t *testing.T) {
	s := &pin.Snapshot{}
	addPolicies(s, "greedy", slices.Repeat([]string{slowPattern}, 20)...)
	addReleases(s, "greedy", 20, 30)
	addPolicies(s, "calm", slowPattern, "^v1")
	s.Releases = append(s.Releases, pin.Release{
		ID: id("calm", "web"), Suspended: true, Inputs: imagesIn(map[string]any{"image": "g.io/o/app:" + longTag}),
	})
	report := pin.Plan(s, pin.Options{})
	over := 0
	for i := range 20 {
		if slices.Contains(problems(report, "greedy", fmt.Sprint("r", i)), v1alpha1.ReasonOverBudget) {
			over++
		}
	}
	if over == 0 || over == 20 {
		t.Errorf("%d of 20 releases of the namespace are over the budget, want some", over)
	}
	if got := problems(report, "calm", "web"); slices.Contains(got, v1alpha1.ReasonOverBudget) {
		t.Errorf("the release of another namespace has the problems %v", got)
	}
	for _, release := range report.Releases {
		if release.Namespace == "calm" && !slices.Contains(release.Policies, "calm/app-01") {
			t.Errorf("the release of another namespace is linked to %v", release.Policies)
		}
		if release.Namespace == "calm" && slices.Contains(release.Policies, "calm/app-00") {
			t.Errorf("the policies of the release's namespace are not narrowed: %v", release.Policies)
		}
	}
}

// Releases that use up what a namespace may take with policies of another one take nothing from the
// releases of a third.
func TestMatchingWithCentralPolicies(t *testing.T) {
	s := &pin.Snapshot{}
	addPolicies(s, "central", slices.Repeat([]string{slowPattern}, 18)...)
	addPolicies(s, "central", "^v1")
	s.Policies[18].Name.Name = "app-v1"
	addReleases(s, "greedy", 20, 30)
	s.Releases = append(s.Releases, pin.Release{
		ID: id("web", "web"), Suspended: true, Inputs: imagesIn(map[string]any{"image": "g.io/o/app:" + longTag}),
	})
	report := pin.Plan(s, pin.Options{})
	for _, release := range report.Releases {
		if release.Namespace == "web" && !slices.Equal(release.Policies, []string{"central/app-v1"}) {
			t.Errorf("linked to %v, want central/app-v1 alone", release.Policies)
		}
		if release.Namespace == "greedy" && slices.Contains(problems(report, "greedy", release.Name), v1alpha1.ReasonOverBudget) {
			t.Errorf("%s is over a budget because of policies that it does not rely on", release.Name)
		}
	}
}

// A release that was over the budget is matched again once a policy has changed.
func TestMatchingComesBack(t *testing.T) {
	s := &pin.Snapshot{}
	addPolicies(s, "greedy", slices.Repeat([]string{slowPattern}, 20)...)
	addReleases(s, "greedy", 20, 30)
	planner := pin.NewPlanner(pin.Options{})
	first := planner.Plan(s)
	left := *s
	left.Releases = slices.DeleteFunc(slices.Clone(s.Releases), func(r pin.Release) bool {
		return !slices.Contains(problems(first, "greedy", r.Name.Name), v1alpha1.ReasonOverBudget)
	})[:1]
	left.Policies = slices.Clone(s.Policies)
	left.Policies[0].LatestImage, left.Policies[0].LatestTag = "g.io/o/app", "v1"
	if got := problems(planner.Plan(&left), "greedy", left.Releases[0].Name.Name); slices.Contains(got, v1alpha1.ReasonOverBudget) {
		t.Errorf("the release has the problems %v", got)
	}
}

// Policies that take long to match are not asked any more by the releases of others that do not rely
// on them, which are then linked to all of them.
func TestMatchingWithForeignPolicies(t *testing.T) {
	s := &pin.Snapshot{}
	addPolicies(s, "greedy", append(slices.Repeat([]string{slowPattern}, 19), "^v1")...)
	for i := range 200 {
		s.Releases = append(s.Releases, pin.Release{
			ID: id(fmt.Sprint("apps-", i), "web"), Suspended: true, Inputs: imagesIn(map[string]any{"image": "g.io/o/app:" + longTag}),
		})
	}
	linked := map[int]int{}
	for _, release := range pin.Plan(s, pin.Options{}).Releases {
		linked[len(release.Policies)]++
	}
	if len(linked) != 2 || linked[1] == 0 || linked[20] == 0 {
		t.Errorf("so many releases are linked to so many policies: %v, want some to 1 and some to all 20", linked)
	}
}

// Of a namespace whose patterns are very long not all are read for the tags that they name.
func TestPatternsBeyondTheBudget(t *testing.T) {
	s := &pin.Snapshot{}
	for i := range 80 {
		addPolicies(s, fmt.Sprint("few-", i), fmt.Sprintf("^(tag%d|%s)$", i, strings.Repeat("y", 19_000)))
		s.Releases = append(s.Releases, pin.Release{
			ID: id(fmt.Sprint("few-", i), "web"), Suspended: true, Inputs: imagesIn(map[string]any{"image": map[string]any{"repository": "g.io/o/app"}}),
		})
	}
	if got := strings.Count(lines(pin.Plan(s, pin.Options{})), "\n"); got != 80 {
		t.Errorf("%d tags of patterns in 80 namespaces, want all", got)
	}
	for i := range s.Policies {
		s.Policies[i].Name = object.Name{Namespace: "few-0", Name: fmt.Sprint("app-", i)}
	}
	if got := strings.Count(lines(pin.Plan(s, pin.Options{})), "\n"); got == 0 || got == 80 {
		t.Errorf("%d tags of 80 patterns in one namespace, want some", got)
	}
}
