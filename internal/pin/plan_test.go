package pin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

func TestLines(t *testing.T) {
	registries := []Registry{
		{Host: "g.io", Type: "container"},
		{Host: "g.io", Owner: "team/sub", Type: "deep"},
		{Host: "g.io", Owner: "team", Type: "owned"},
	}
	tests := []struct {
		registries []Registry
		repository image.Repository
		tag        string
		want       []line
	}{
		{nil, image.Repository{Host: "g.io", Path: "o/a"}, "1", []line{{"container/a==1", "g.io/o/a:1"}}},
		{nil, image.Repository{Host: "g.io", Path: "a"}, "1", []line{{"container/a==1", "g.io/a:1"}}},
		{nil, image.Repository{Host: "g.io", Path: "o/a/b"}, "1", []line{{"container/a/b==1", "g.io/o/a/b:1"}}},
		{nil, image.Repository{Host: "g.io", Path: "o/a"}, "V1", []line{{"container/a==V1", "g.io/o/a:V1"}, {"container/a==v1", "g.io/o/a:v1"}}},
		{registries, image.Repository{Host: "g.io", Path: "o/a"}, "1", []line{{"container/a==1", "g.io/o/a:1"}}},
		{registries, image.Repository{Host: "g.io", Path: "team/a"}, "1", []line{{"owned/a==1", "g.io/team/a:1"}}},
		{registries, image.Repository{Host: "g.io", Path: "team/sub/a"}, "1", []line{{"deep/a==1", "g.io/team/sub/a:1"}}},
		{registries, image.Repository{Host: "g.io", Path: "teams/a"}, "1", []line{{"container/a==1", "g.io/teams/a:1"}}},
		{registries, image.Repository{Host: "g.io:5000", Path: "team/a"}, "1", nil},
		{registries[2:], image.Repository{Host: "g.io", Path: "team"}, "1", nil},
	}
	for _, test := range tests {
		if got := lines(test.registries, test.repository, test.tag); !slices.Equal(got, test.want) {
			t.Errorf("%v %s: got %v, want %v", test.registries, test.repository, got, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, pin := range []string{"container/a==1", "container/a/b==V1.2_x-y", "generic/a==latest"} {
		if err := Check(pin); err != nil {
			t.Error(err)
		}
	}
	for _, pin := range []string{
		"", "container/a", "a==1", "container/a==", "container/==1", "/a==1", "container/a==1==2", "Container/a==1",
		"container/A==1", "container/a==1\n", "container/a== 1", "container/a b==1", "container//a==1",
	} {
		if err := Check(pin); err == nil {
			t.Errorf("%q passes as a pin", pin)
		}
	}
}

// sleeping is a suspended release with one image.
func sleeping(name, ref string) Release {
	return Release{Name: Name{"apps", name}, Suspended: true, Found: Find([]Content{{"spec.values", map[string]any{"image": ref}}})}
}

// drawSnapshot draws a small world in which releases and policies meet often.
func drawSnapshot(t *rapid.T) *Snapshot {
	namespace := rapid.SampledFrom([]string{"a", "b"})
	repository := rapid.SampledFrom([]string{"g.io/o/x", "g.io/o/y", "G.io:443/O/x", "nginx", "not an image"})
	tag := rapid.SampledFrom([]string{"staging", "production", "1.2.3", "V2", "", "a==b"})
	sync := rapid.Ptr(rapid.SampledFrom([]string{"enabled", "disabled", "other"}), true)
	s := &Snapshot{}
	for _, name := range rapid.SliceOfDistinct(namespace, rapid.ID).Draw(t, "namespaces") {
		s.Namespaces = append(s.Namespaces, Namespace{Name: name, Sync: sync.Draw(t, "sync")})
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "releases") {
		values := map[string]any{
			"image":   map[string]any{"repository": repository.Draw(t, "repository"), "tag": tag.Draw(t, "tag")},
			"sidecar": map[string]any{"image": repository.Draw(t, "sidecar") + ":" + tag.Draw(t, "sidecar tag")},
			"policy0": map[string]any{"image": map[string]any{"tag": tag.Draw(t, "lone tag")}},
		}
		s.Releases = append(s.Releases, Release{
			Name: Name{namespace.Draw(t, "namespace"), fmt.Sprint("release", i)}, Found: Find([]Content{{"spec.values", values}}),
			Suspended: rapid.Bool().Draw(t, "suspended"), Sync: sync.Draw(t, "sync"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "repositories") {
		s.Repositories = append(s.Repositories, Repository{Name: Name{"scans", fmt.Sprint(i)}, Image: repository.Draw(t, "image")})
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "policies") {
		s.Policies = append(s.Policies, Policy{
			Name: Name{namespace.Draw(t, "namespace"), fmt.Sprint("policy", i)}, Repository: Name{"scans", fmt.Sprint(i % 3)},
			Rules: policy.Rules{
				Pattern: rapid.SampledFrom([]string{"", "^staging$", "^(staging|production)$", "("}).Draw(t, "pattern"),
				SemVer:  rapid.SampledFrom([]string{"", "1.x"}).Draw(t, "range"),
			},
			LatestImage: repository.Draw(t, "latest"), LatestTag: tag.Draw(t, "latest tag"),
			NotReady: rapid.SampledFrom([]string{"", "lost"}).Draw(t, "not ready"),
		})
	}
	return s
}

// The report is the same, byte for byte, in whatever order the objects come, and
// every line of it is a pin.
func TestPlanIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSnapshot(t)
		options := Options{NamespacesDisabled: rapid.Bool().Draw(t, "disabled")}
		report := Plan(s, options)
		for line := range strings.Lines(Lines(report)) {
			if err := Check(strings.TrimSuffix(line, "\n")); err != nil {
				t.Fatal(err)
			}
		}
		want, err := JSON(report)
		if err != nil {
			t.Fatal(err)
		}
		s.Namespaces = rapid.Permutation(s.Namespaces).Draw(t, "namespaces in another order")
		s.Releases = rapid.Permutation(s.Releases).Draw(t, "releases in another order")
		s.Policies = rapid.Permutation(s.Policies).Draw(t, "policies in another order")
		s.Repositories = rapid.Permutation(s.Repositories).Draw(t, "repositories in another order")
		got, err := JSON(Plan(s, options))
		if err != nil || got != want {
			t.Fatalf("%v, got\n%s\nwant\n%s", err, got, want)
		}
	})
}

// A policy and a release that have nothing to do with a release take no link away,
// and no pin.
func TestUnrelatedPoliciesTakeNothingAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSnapshot(t)
		before := Plan(s, Options{})
		s.Repositories = append(s.Repositories, Repository{Name: Name{"elsewhere", "stranger"}, Image: "z.io/z/stranger"})
		s.Policies = append(s.Policies, Policy{
			Name: Name{"elsewhere", "stranger"}, Repository: Name{"elsewhere", "stranger"},
			LatestImage: "z.io/z/stranger", LatestTag: rapid.SampledFrom([]string{"staging", "1.2.3"}).Draw(t, "tag"),
		})
		stranger := sleeping("stranger", "z.io/z/stranger:1")
		stranger.Namespace = "zz" // the last in the report
		s.Releases = append(s.Releases, stranger)
		after := Plan(s, Options{})
		for i := range before.Releases {
			for _, policy := range before.Releases[i].Policies {
				if !slices.Contains(after.Releases[i].Policies, policy) {
					t.Fatalf("%+v became %+v", before.Releases[i], after.Releases[i])
				}
			}
		}
		for line := range strings.Lines(Lines(before)) {
			if !strings.Contains(Lines(after), line) {
				t.Fatalf("the pin %s is gone", line)
			}
		}
	})
}

// Whatever policies somebody else adds in a namespace of their own, they take no
// link away: not with an image that is the same or ends alike, nor with a name that
// agrees better, nor by accepting every tag.
func TestStrangersTakeNothingAway(t *testing.T) {
	follows := func(namespace, name, image string, rules policy.Rules) (Policy, Repository) {
		return Policy{Name: Name{namespace, name}, Repository: Name{namespace, name}, Rules: rules, LatestImage: image, LatestTag: "2.0.0"},
			Repository{Name: Name{namespace, name}, Image: image}
	}
	for name, values := range map[string]any{
		"repository": map[string]any{"repository": "g.io/team/backend", "tag": "initial"},
		"untagged":   "g.io/team/backend",
		"path end":   map[string]any{"repository": "team/backend", "tag": "initial"},
		"one word":   map[string]any{"repository": "backend", "tag": "1.0.0"},
		"tag":        map[string]any{"tag": "1.0.0"},
	} {
		for _, image := range []string{"g.io/team/backend", "evil.io/team/backend", "evil.io/other", "docker.io/team/backend", "docker.io/library/backend"} {
			own, ownRepository := follows("flux", "shop-backend", "g.io/team/backend", policy.Rules{SemVer: ">=1.0.0"})
			other, otherRepository := follows("stranger", "shop", image, policy.Rules{})
			s := &Snapshot{
				Releases: []Release{{
					Name: Name{"apps", "shop"}, Suspended: true, Found: Find([]Content{{"spec.values", map[string]any{"image": values}}}),
				}},
				Policies:     []Policy{own, other},
				Repositories: []Repository{ownRepository, otherRepository},
			}
			if report := Plan(s, Options{}); !slices.Contains(report.Releases[0].Policies, "flux/shop-backend") {
				t.Errorf("%s, stranger with %s: linked are only %v", name, image, report.Releases[0].Policies)
			}
		}
	}
}

// The latest that nobody wrote chooses no policy: of two that follow an image
// without a tag, both are linked.
func TestUntaggedImageLinksAll(t *testing.T) {
	s := &Snapshot{
		Releases:     []Release{sleeping("a", "g.io/o/a")},
		Repositories: []Repository{{Name{"flux", "a"}, "g.io/o/a"}},
		Policies: []Policy{
			{Name: Name{"flux", "any"}, Repository: Name{"flux", "a"}, LatestImage: "g.io/o/a", LatestTag: "main"},
			{Name: Name{"flux", "semver"}, Repository: Name{"flux", "a"}, LatestImage: "g.io/o/a", LatestTag: "1.4.2", Rules: policy.Rules{SemVer: "1.x"}},
		},
	}
	if got, want := Lines(Plan(s, Options{})), "container/a==1.4.2\ncontainer/a==latest\ncontainer/a==main\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The tags that a pattern names count unless the policy has settled on what it
// last resolved to.
func TestLiteralsUntilSettled(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		want   string
	}{
		"settled":       {Policy{LatestImage: "g.io/o/a", LatestTag: "staging"}, "staging"},
		"not resolved":  {Policy{}, "production staging"},
		"not ready":     {Policy{LatestImage: "g.io/o/a", LatestTag: "staging", NotReady: "lost"}, "staging production staging"},
		"rules changed": {Policy{LatestImage: "g.io/o/a", LatestTag: "main"}, "main production staging"},
		"image changed": {Policy{LatestImage: "g.io/o/b", LatestTag: "staging"}, "staging production staging"},
	} {
		target := newTarget(test.policy)
		target.image = &image.Repository{Host: "g.io", Path: "o/a"}
		target.Rules.Pattern = "^(staging|production)$"
		var tags []string
		for _, ref := range target.tags() {
			tags = append(tags, ref.Tag)
		}
		if got := strings.Join(tags, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// Nobody can make the report larger than the API server takes by one long text.
func TestReportIsBounded(t *testing.T) {
	long := strings.Repeat("x ", 1<<19)
	values := map[string]any{"image": long, "tag": long, "repository": map[string]any{"repository": long, "tag": long}}
	many := []any{}
	for range 10_000 {
		many = append(many, map[string]any{"image": "g.io/o/same:1"}, map[string]any{"image": "no image"})
	}
	s := &Snapshot{
		Releases: []Release{{
			Name: Name{"apps", "a"}, Suspended: true, Sync: &long,
			Found: Find([]Content{{"spec.values", values}, {"spec.values", map[string]any{"many": many}}}),
		}},
		Policies:     []Policy{{Name: Name{"apps", "p"}, Repository: Name{"apps", "r"}, LatestImage: "g.io/o/same", LatestTag: "1", NotReady: long}},
		Repositories: []Repository{{Name: Name{"apps", "r"}, Image: long}},
	}
	text, err := JSON(Plan(s, Options{}))
	if err != nil || len(text) > 50_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if !strings.Contains(text, "more problems") || !strings.Contains(text, `"and 9`) {
		t.Error("it does not say that there is more")
	}
}

// A release whose contents cannot be had keeps what it had, and what is found in
// the rest is added.
func TestUnknownContentsKeepPins(t *testing.T) {
	release := sleeping("a", "g.io/o/a:2")
	release.Found.Unknown = true
	s := &Snapshot{
		Releases: []Release{release, sleeping("b", "g.io/o/b:2")},
		Memory: Memory{Pins: []v1alpha1.Pin{
			{Pin: "container/a==1", Image: "g.io/o/a:1", NeededBy: []string{"apps/a"}, Via: []string{"spec.values.image"}},
			{Pin: "container/b==1", Image: "g.io/o/b:1", NeededBy: []string{"apps/b"}},
		}},
	}
	report := Plan(s, Options{})
	if got, want := Lines(report), "container/a==1\ncontainer/a==2\ncontainer/b==1\ncontainer/b==2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if pin := report.Pins[2]; pin.State != v1alpha1.PinHeld {
		t.Errorf("got %+v", pin)
	}
	if pin := report.Pins[0]; pin.State != v1alpha1.PinNeeded || !slices.Equal(pin.NeededBy, []string{"apps/a"}) || !slices.Equal(pin.Via, []string{"spec.values.image"}) {
		t.Errorf("got %+v", pin)
	}
}
