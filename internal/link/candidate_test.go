package link

import (
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// The tags that a pattern names count unless the policy has settled on what it
// last resolved to.
func TestLiteralsUntilSettled(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		want   string
	}{
		"settled":       {Policy{LatestImage: "g.io/o/a", LatestTag: "staging"}, "staging"},
		"not resolved":  {Policy{}, "production staging"},
		"changed":       {Policy{LatestImage: "g.io/o/a", LatestTag: "staging", IsChanged: true}, "staging production staging"},
		"not ready":     {Policy{LatestImage: "g.io/o/a", LatestTag: "staging", NotReady: "lost"}, "staging production staging"},
		"rules changed": {Policy{LatestImage: "g.io/o/a", LatestTag: "main"}, "main production staging"},
		"image changed": {Policy{LatestImage: "g.io/o/b", LatestTag: "staging"}, "staging production staging"},
	} {
		c := newCandidate(test.policy, &cost{})
		c.image = &image.Repository{Host: "g.io", Path: "o/a"}
		c.Rules.Pattern = "^(staging|production)$"
		var tags []string
		for _, ref := range c.Tags() {
			tags = append(tags, ref.Tag)
		}
		if got := strings.Join(tags, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
