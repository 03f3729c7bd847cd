package link

import (
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// centralPolicies are policies of one image in a namespace of their own: one without rules, and one with a usual pattern.
func centralPolicies() *Linker {
	var policies []Policy
	for _, p := range []struct {
		name  string
		rules policy.Rules
	}{
		{"any", policy.Rules{}},
		{"web", policy.Rules{Pattern: `^(?P<version>[0-9]+\.[0-9]+\.[0-9]+)(-[a-z]+)?$`, Extract: "$version", SemVer: "1.x"}},
	} {
		name := object.Name{Namespace: "images", Name: p.name}
		policies = append(policies, Policy{Name: name, LatestImage: "g.io/o/web", LatestTag: "1.5.0", Rules: p.rules})
	}
	return New(policies, nil)
}

func namesOf(candidates []*Candidate) string {
	var names []string
	for _, c := range candidates {
		names = append(names, c.Name.Name)
	}
	return strings.Join(names, " ")
}

// What others have taken of the steps that policies have, a little less than all or all, takes no link from anybody,
// who has his own for the first tags, and has all that follow the image where they cannot be asked.
func TestStepsTakenByOthers(t *testing.T) {
	s := Subject{Name: "web", Namespace: "apps", Trusted: []string{"apps"}}
	repository := image.Repository{Host: "g.io", Path: "o/web"}
	for name, test := range map[string]struct {
		mention image.Mention
		own     int
		want    string
	}{
		"asks the first":          {image.Mention{Reference: image.Reference{Repository: repository, Tag: "1.4.2"}}, 0, "any web"},
		"has asked much":          {image.Mention{Reference: image.Reference{Repository: repository, Tag: "1.4.2"}}, budget.FreeForeignSteps, "any web"},
		"tag of no policy":        {image.Mention{Reference: image.Reference{Repository: repository, Tag: "2.4.2"}}, 0, "any"},
		"tag alone":               {image.Mention{Reference: image.Reference{Tag: "1.4.2"}}, 0, "any web"},
		"single word":             {image.Mention{Reference: image.Reference{Repository: image.Repository{Host: "docker.io", Path: "library/web"}, Tag: "1.4.2"}, Hostless: true}, 0, "any web"},
		"single word, asked much": {image.Mention{Reference: image.Reference{Repository: image.Repository{Host: "docker.io", Path: "library/web"}, Tag: "1.4.2"}, Hostless: true}, budget.FreeForeignSteps, "any web"},
	} {
		for left := range 1000 {
			l := centralPolicies()
			l.costs.of("images").asked = budget.Steps - left
			l.costs.of("apps").foreign["images"] = test.own
			if linked, _ := l.Link(&test.mention, &s); namesOf(linked) != test.want {
				t.Errorf("%s: others have left %d steps, and linked are %q, want %q", name, left, namesOf(linked), test.want)
				break
			}
		}
	}
}

// Nor does it take the tags that a pattern names.
func TestLiteralsWhateverOthersHaveTaken(t *testing.T) {
	taken := &cost{asked: budget.Steps}
	c := newCandidate(Policy{Rules: policy.Rules{Pattern: "^staging$"}}, taken)
	c.image = &image.Repository{Host: "g.io", Path: "o/web"}
	if len(c.Tags()) != 1 {
		t.Errorf("got %v", c.Tags())
	}
	taken.read, c.tags = budget.Steps, nil
	if len(c.Tags()) != 0 {
		t.Errorf("beyond the budget, got %v", c.Tags())
	}
}
