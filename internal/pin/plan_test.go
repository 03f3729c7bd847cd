package pin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// drawnWorkloads are what workloads may name.
var drawnWorkloads = []*pin.WorkloadImages{
	nil,
	{},
	{Images: []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "o/x"}, Tag: "V3"}, {Repository: image.Repository{Host: "h.io", Path: "z"}, Tag: "1"}}},
	{Untraced: map[string][]image.Reference{"g.io/o/x": {{Repository: image.Repository{Host: "g.io", Path: "o/x"}, Tag: "V4"}, {Repository: image.Repository{Host: "g.io", Path: "o/x"}, Tag: "4"}}}},
}

// drawSnapshot draws a small world in which releases and policies meet often.
func drawSnapshot(t *rapid.T) *pin.Snapshot {
	namespace := rapid.SampledFrom([]string{"a", "b"})
	repository := rapid.SampledFrom([]string{"g.io/o/x", "g.io/o/y", "G.io:443/O/x", "nginx", "not an image"})
	tag := rapid.SampledFrom([]string{"staging", "production", "1.2.3", "V2", "", "a==b"})
	sync := rapid.Ptr(rapid.SampledFrom([]string{"enabled", "disabled", "other"}), true)
	s := &pin.Snapshot{}
	for _, name := range rapid.SliceOfDistinct(namespace, rapid.ID).Draw(t, "namespaces") {
		s.Namespaces = append(s.Namespaces, pin.Namespace{Name: name, Sync: sync.Draw(t, "sync")})
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "releases") {
		values := map[string]any{
			"image":   map[string]any{"repository": repository.Draw(t, "repository"), "tag": tag.Draw(t, "tag")},
			"sidecar": map[string]any{"image": repository.Draw(t, "sidecar") + ":" + tag.Draw(t, "sidecar tag")},
			"policy0": map[string]any{"image": map[string]any{"tag": tag.Draw(t, "lone tag")}},
		}
		s.Releases = append(s.Releases, pin.Release{
			ID: id(namespace.Draw(t, "namespace"), fmt.Sprint("release", i)), Inputs: imagesIn(values),
			Suspended: rapid.Bool().Draw(t, "suspended"), Sync: sync.Draw(t, "sync"), HasRun: rapid.Bool().Draw(t, "has run"),
			Workloads: rapid.SampledFrom(drawnWorkloads).Draw(t, "workloads"), Ready: rapid.Bool().Draw(t, "ready"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "repositories") {
		s.Repositories = append(s.Repositories, link.Repository{Name: object.Name{Namespace: "scans", Name: fmt.Sprint(i)}, Image: repository.Draw(t, "image")})
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "policies") {
		s.Policies = append(s.Policies, link.Policy{
			Name: object.Name{Namespace: namespace.Draw(t, "namespace"), Name: fmt.Sprint("policy", i)}, Repository: object.Name{Namespace: "scans", Name: fmt.Sprint(i % 3)},
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
		options := pin.Options{NamespacesDisabled: rapid.Bool().Draw(t, "disabled")}
		report := pin.Plan(s, options)
		for line := range strings.Lines(lines(report)) {
			if err := pin.Check(strings.TrimSuffix(line, "\n")); err != nil {
				t.Fatal(err)
			}
		}
		want := jsonOf(t, report)
		s.Namespaces = rapid.Permutation(s.Namespaces).Draw(t, "namespaces in another order")
		s.Releases = rapid.Permutation(s.Releases).Draw(t, "releases in another order")
		s.Policies = rapid.Permutation(s.Policies).Draw(t, "policies in another order")
		s.Repositories = rapid.Permutation(s.Repositories).Draw(t, "repositories in another order")
		got := jsonOf(t, pin.Plan(s, options))
		if got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// A policy and a release that have nothing to do with a release take no link away,
// and no pin.
func TestUnrelatedPoliciesTakeNothingAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSnapshot(t)
		before := pin.Plan(s, pin.Options{})
		s.Repositories = append(s.Repositories, link.Repository{Name: object.Name{Namespace: "elsewhere", Name: "stranger"}, Image: "z.io/z/stranger"})
		s.Policies = append(s.Policies, link.Policy{
			Name: object.Name{Namespace: "elsewhere", Name: "stranger"}, Repository: object.Name{Namespace: "elsewhere", Name: "stranger"},
			LatestImage: "z.io/z/stranger", LatestTag: rapid.SampledFrom([]string{"staging", "1.2.3"}).Draw(t, "tag"),
		})
		stranger := suspended("stranger", "z.io/z/stranger:1")
		stranger.Namespace = "zz" // the last in the report
		s.Releases = append(s.Releases, stranger)
		after := pin.Plan(s, pin.Options{})
		for i := range before.Releases {
			for _, policy := range before.Releases[i].Policies {
				if !slices.Contains(after.Releases[i].Policies, policy) {
					t.Fatalf("%+v became %+v", before.Releases[i], after.Releases[i])
				}
			}
		}
		for line := range strings.Lines(lines(before)) {
			if !strings.Contains(lines(after), line) {
				t.Fatalf("the pin %s is gone", line)
			}
		}
	})
}

// Whatever policies somebody else adds in a namespace of their own, they take no
// link away: not with an image that is the same or ends alike, nor with a name that
// agrees better, nor by accepting every tag.
func TestStrangersTakeNothingAway(t *testing.T) {
	follows := func(namespace, name, image string, rules policy.Rules) (link.Policy, link.Repository) {
		return link.Policy{Name: object.Name{Namespace: namespace, Name: name}, Repository: object.Name{Namespace: namespace, Name: name}, Rules: rules, LatestImage: image, LatestTag: "2.0.0"},
			link.Repository{Name: object.Name{Namespace: namespace, Name: name}, Image: image}
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
			s := &pin.Snapshot{
				Releases: []pin.Release{{
					ID: id("apps", "shop"), Suspended: true, Inputs: imagesIn(map[string]any{"image": values}),
				}},
				Policies:     []link.Policy{own, other},
				Repositories: []link.Repository{ownRepository, otherRepository},
			}
			if report := pin.Plan(s, pin.Options{}); !slices.Contains(report.Releases[0].Policies, "flux/shop-backend") {
				t.Errorf("%s, stranger with %s: linked are only %v", name, image, report.Releases[0].Policies)
			}
		}
	}
}

// The latest that nobody wrote chooses no policy: of two that follow an image
// without a tag, both are linked.
func TestUntaggedImageLinksAll(t *testing.T) {
	s := &pin.Snapshot{
		Releases:     []pin.Release{suspended("a", "g.io/o/a")},
		Repositories: []link.Repository{{Name: object.Name{Namespace: "flux", Name: "a"}, Image: "g.io/o/a"}},
		Policies: []link.Policy{
			{Name: object.Name{Namespace: "flux", Name: "any"}, Repository: object.Name{Namespace: "flux", Name: "a"}, LatestImage: "g.io/o/a", LatestTag: "main"},
			{Name: object.Name{Namespace: "flux", Name: "semver"}, Repository: object.Name{Namespace: "flux", Name: "a"}, LatestImage: "g.io/o/a", LatestTag: "1.4.2", Rules: policy.Rules{SemVer: "1.x"}},
		},
	}
	if got, want := lines(pin.Plan(s, pin.Options{})), "container/a==1.4.2\ncontainer/a==latest\ncontainer/a==main\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
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
	s := &pin.Snapshot{
		Releases: []pin.Release{{
			ID: id("apps", "a"), Suspended: true, Sync: &long,
			Inputs: imagesIn([]any{values, many}),
		}},
		Policies:     []link.Policy{{Name: object.Name{Namespace: "apps", Name: "p"}, Repository: object.Name{Namespace: "apps", Name: "r"}, LatestImage: "g.io/o/same", LatestTag: "1", NotReady: long}},
		Repositories: []link.Repository{{Name: object.Name{Namespace: "apps", Name: "r"}, Image: long}},
	}
	text, err := pinlist.JSON(pin.Plan(s, pin.Options{}))
	if err != nil || len(text) > 50_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if !strings.Contains(text, "more problems") || !strings.Contains(text, `"and 9`) {
		t.Error("it does not say that there is more")
	}
}

// A release whose values cannot be read keeps the pins that it had, and what is found in
// the rest is added.
func TestUnknownImagesKeepPins(t *testing.T) {
	release := suspended("a", "g.io/o/a:2")
	release.Images.Unknown = true
	s := &pin.Snapshot{
		Releases: []pin.Release{release, suspended("b", "g.io/o/b:2")},
		Memory: pin.Memory{
			Pins: []v1alpha1.Pin{
				{Pin: "container/a==1", Image: "g.io/o/a:1", NeededBy: []string{"HelmRelease/apps/a"}, Via: []string{"spec.values.image"}},
				{Pin: "container/b==1", Image: "g.io/o/b:1", NeededBy: []string{"HelmRelease/apps/b"}},
			},
			Releases: []v1alpha1.Release{
				{Kind: object.HelmRelease, Namespace: "apps", Name: "a", State: v1alpha1.ReleaseSuspended, Ran: []string{}},
				{Kind: object.HelmRelease, Namespace: "apps", Name: "b", State: v1alpha1.ReleaseSuspended, Ran: []string{}},
			},
		},
	}
	report := pin.Plan(s, pin.Options{})
	if got, want := lines(report), "container/a==1\ncontainer/a==2\ncontainer/b==1\ncontainer/b==2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if p := report.Pins[2]; p.State != v1alpha1.PinHeld {
		t.Errorf("got %+v", p)
	}
	if p := report.Pins[0]; p.State != v1alpha1.PinNeeded || !slices.Equal(p.NeededBy, []string{"HelmRelease/apps/a"}) || !slices.Equal(p.Via, []string{"spec.values.image"}) {
		t.Errorf("got %+v", p)
	}
}

// Problems that mean that a tag may be missing are in the report, however many others there are.
func TestManyProblemsHideNone(t *testing.T) {
	s := &pin.Snapshot{Notes: []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRead, Object: "HelmRelease shop/z"}}}
	for i := range 100 {
		mistyped := v1alpha1.Problem{Reason: v1alpha1.ReasonInvalidAnnotation}
		mistyped.Object = fmt.Sprintf("HelmRelease shop/a%d", i)
		s.Notes = append(s.Notes, mistyped)
		mistyped.Object = fmt.Sprintf("Namespace a%d", i)
		s.Notes = append(s.Notes, mistyped)
	}
	mayMiss := 0
	problems := pin.Plan(s, pin.Options{}).Problems
	for i := range problems {
		if pin.MayMissTag(problems[i]) {
			mayMiss++
		}
	}
	if mayMiss != 1 || problems[0] != s.Notes[0] || len(problems) != 51 {
		t.Errorf("%d of %d problems may miss a tag, the first is %+v", mayMiss, len(problems), problems[0])
	}
}
