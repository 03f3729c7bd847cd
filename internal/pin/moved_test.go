package pin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// follows is a policy in a namespace, which resolved to a tag of an image.
func follows(s *pin.Snapshot, namespace, repository, tag string) {
	addPolicy(s, namespace, strings.ReplaceAll(repository, "/", "-"), repository, tag, policy.Rules{})
}

// A registry that was moved: what follows the same path elsewhere is linked where nothing
// follows the image as it is written.
func TestMovedRegistry(t *testing.T) {
	tests := map[string]struct {
		image, policies string // namespace=image:tag
		want            string
		moved           bool
	}{
		"moved":                        {"old.io/t/app:a", "x=new.io/t/app:b", "new.io/t/app:b old.io/t/app:a", true},
		"without a tag":                {"old.io/t/app", "x=new.io/t/app:b", "new.io/t/app:b old.io/t/app:latest", true},
		"followed as written":          {"old.io/t/app:a", "x=new.io/t/app:b x=old.io/t/app:c", "old.io/t/app:a old.io/t/app:c", false},
		"followed as written by other": {"old.io/t/app:a", "x=new.io/t/app:b y=old.io/t/app:c", "new.io/t/app:b old.io/t/app:a old.io/t/app:c", true},
		"one segment":                  {"old.io/app:a", "x=new.io/app:b", "old.io/app:a", false},
		"the end of another path":      {"old.io/t/app:a", "x=new.io/u/t/app:b", "old.io/t/app:a", false},
		"the beginning of the path":    {"old.io/u/t/app:a", "x=new.io/t/app:b", "old.io/u/t/app:a", false},
		"no registry":                  {"t/app:a", "x=new.io/t/app:b", "docker.io/t/app:a new.io/t/app:a new.io/t/app:b", false},
	}
	for name, test := range tests {
		s := &pin.Snapshot{Releases: []pin.Release{suspended("web", test.image)}}
		for policy := range strings.FieldsSeq(test.policies) {
			namespace, ref, _ := strings.Cut(policy, "=")
			repository, tag, _ := strings.Cut(ref, ":")
			follows(s, namespace, repository, tag)
		}
		report := pin.Plan(s, pin.Options{})
		var images []string
		for i := range report.Pins {
			images = append(images, report.Pins[i].Image)
		}
		slices.Sort(images)
		if got := strings.Join(images, " "); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
		said := slices.ContainsFunc(report.Releases[0].Problems, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonRegistryMoved })
		if said != test.moved {
			t.Errorf("%s: the problems are %v", name, report.Releases[0].Problems)
		}
		findings := pin.Explain(s, pin.Options{})
		if isRule := findings[0].Rule == link.SamePath; test.moved && !strings.Contains(name, "by other") && !isRule {
			t.Errorf("%s: linked by %q", name, findings[0].Rule)
		}
	}
}

// A policy that has an image at a registry that is not configured does not say which tag of it is needed.
func TestMovedOutOfConfiguredRegistries(t *testing.T) {
	for host, isAnswered := range map[string]bool{"gitea.svc:3000": false, "git.example.com": true} {
		digest := digestOf("a")
		s := &pin.Snapshot{Releases: []pin.Release{suspended("web", "git.example.com/oleks/web@"+digest)}}
		follows(s, s.Releases[0].Namespace, host+"/oleks/web", "b")
		s.Policies[0].LatestDigest = digest
		report := pin.Plan(s, pin.Options{Registries: []pin.Registry{{Host: "git.example.com", Owner: "oleks", Type: pin.DefaultType}}})
		if (len(report.Pins) == 1) != isAnswered {
			t.Errorf("%s: the pins are %+v", host, report.Pins)
		}
		isSaid := slices.ContainsFunc(report.Releases[0].Problems, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonNoTag })
		if isSaid == isAnswered {
			t.Errorf("%s: the problems are %v", host, report.Releases[0].Problems)
		}
	}
}

// followedBy lets one policy follow the image web of a story, which resolved to a tag with a digest.
func (s *story) followedBy(namespace, tag, digest string) {
	var snapshot pin.Snapshot
	addPolicy(&snapshot, namespace, "web", "g.io/o/web", tag, policy.Rules{SemVer: "1.x"})
	s.policies, s.repositories = snapshot.Policies, snapshot.Repositories
	s.policies[0].LatestDigest = digest
}

// expectTag expects pins after the grace, and the problem NoTag if a tag is unknown.
func (s *story) expectTag(want string, isUnknown bool) {
	s.t.Helper()
	var report *v1alpha1.PinReport
	for range 3 {
		report = s.pass(2 * time.Minute)
	}
	isSaid := slices.ContainsFunc(report.Releases[0].Problems, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonNoTag })
	if got := lines(report); got != want || isSaid != isUnknown {
		s.t.Errorf("the pins are %q, want %q; the problems are %v", got, want, report.Releases[0].Problems)
	}
}

func digestOf(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

// An image by its digest alone is kept by the tag that has the digest, as long as a policy tells which one that is;
// what a release ran stays when the policy moves on, and that its digest has no known tag any more is said.
func TestDigestOfAPolicy(t *testing.T) {
	for _, floatingOnly := range []bool{false, true} {
		s := newStory(t, suspended("web", "g.io/o/web@"+digestOf("a")))
		s.options = pin.Options{Grace: time.Minute, FloatingOnly: floatingOnly}
		s.releases[0].HasRun = true
		namespace := s.releases[0].Namespace
		s.followedBy(namespace, "1.5.0", digestOf("a"))
		s.expectTag("container/web==1.5.0\n", false)
		s.followedBy(namespace, "1.6.0", digestOf("b"))
		s.expectTag("container/web==1.5.0\ncontainer/web==1.6.0\n", true)
		s.followedBy(namespace, "1.7.0", "")
		s.expectTag("container/web==1.5.0\ncontainer/web==1.7.0\n", true)
	}
}

// A digest that a policy of a stranger claims takes away nothing: neither the last tag of the image, nor the problem.
func TestDigestOfAStranger(t *testing.T) {
	s := newStory(t, suspended("web", "g.io/o/web:1.5"))
	s.options.Grace = time.Minute
	s.expect("container/web==1.5")
	s.set("g.io/o/web@" + digestOf("a"))
	s.followedBy("evil", "1.6", digestOf("a"))
	s.expectTag("container/web==1.5\ncontainer/web==1.6\n", true)
}
