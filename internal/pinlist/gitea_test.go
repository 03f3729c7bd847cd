package pinlist

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// asGitea compiles a pattern as Gitea does: with anchors around it, and no group.
func asGitea(t interface{ Fatal(args ...any) }, pattern string) *regexp.Regexp {
	re, err := regexp.Compile(`(?i)\A` + pattern + `\z`)
	if err != nil {
		t.Fatal(err)
	}
	return re
}

func TestGiteaRules(t *testing.T) {
	got := giteaRules([]string{
		"g.io/alone:v1", "g.io/a/app:V1", "g.io/a/app:v1", "g.io/a/app:v1.0", "g.io/a/deep/er:2", "g.io/b/app:v1", "other:5000/a/app:v1",
	})
	want := []string{
		`g.io/a	(?:app/(?:v1|v1\.0)|deep/er/(?:2))`,
		`g.io/b	(?:app/(?:v1))`,
		`other:5000/a	(?:app/(?:v1))`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A rule keeps the owner's images that it was made of, in the case that Gitea keeps them in, and no
// others.
func TestGiteaRulesKeepTheirImagesAlone(t *testing.T) {
	image := rapid.Custom(func(t *rapid.T) string {
		return rapid.StringMatching(`[a-c][a-c.-]{0,2}(/[a-c.]{1,2})?`).Draw(t, "name") + ":" + rapid.StringMatching(`[aA1_][aA1.-]{0,3}`).Draw(t, "tag")
	})
	rapid.Check(t, func(t *rapid.T) {
		var images, kept []string
		for _, image := range rapid.SliceOfN(image, 1, 6).Draw(t, "images") {
			images, kept = append(images, "g.io/o/"+image), append(kept, strings.ToLower(strings.Replace(image, ":", "/", 1)))
		}
		slices.Sort(images)
		lines := giteaRules(images)
		owner, pattern, _ := strings.Cut(lines[0], "\t")
		if len(lines) != 1 || owner != "g.io/o" {
			t.Fatalf("the lines are %q", lines)
		}
		re := asGitea(t, pattern)
		for _, version := range kept {
			if !re.MatchString(version) {
				t.Errorf("%s does not keep %s", pattern, version)
			}
		}
		other := strings.ToLower(strings.Replace(image.Draw(t, "other"), ":", "/", 1))
		for _, version := range []string{other, other + "x", "x" + other, kept[0] + "x", "x" + kept[0]} {
			if re.MatchString(version) != slices.Contains(kept, version) {
				t.Errorf("%s keeps %s", pattern, version)
			}
		}
	})
}
