package pin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// A tag of which a policy showed that it has a digest is kept as long as the release names the digest: also where the
// policy is one of another namespace, or was learned while the release was suspended. It goes when the values move on.
func TestDigestKeepsItsTag(t *testing.T) {
	for _, namespace := range []string{"images", "apps"} {
		for _, hasRun := range []bool{false, true} {
			s := newStory(t, suspended("web", "g.io/o/web@"+digestOf("9")))
			s.options = pin.Options{Grace: time.Minute}
			s.releases[0].HasRun = hasRun
			s.followedBy(namespace, "1.4.0", digestOf("8"))
			s.pass(time.Minute)
			s.set("g.io/o/web@" + digestOf("b"))
			s.followedBy(namespace, "1.6.0", digestOf("b"))
			s.expectTag("container/web==1.6.0\n", namespace == "images")
			s.followedBy(namespace, "1.7.0", digestOf("c"))
			s.expectTag("container/web==1.6.0\ncontainer/web==1.7.0\n", true)
			s.followedBy(namespace, "1.8.0", digestOf("d"))
			s.expectTag("container/web==1.6.0\ncontainer/web==1.8.0\n", true)
			s.releases[0].Images = &pin.ReleaseImages{Unknown: true}
			s.pass(time.Minute)
			s.set("g.io/o/web@" + digestOf("b"))
			s.expectTag("container/web==1.6.0\ncontainer/web==1.8.0\n", true)
			s.set("g.io/o/web@" + digestOf("d"))
			s.expectTag("container/web==1.8.0\n", namespace == "images")
		}
	}
}

// Nobody takes away the tag of a digest by policies of his own that claim it for digests of their own: the report does not
// have room for all.
func TestDigestAmongOthers(t *testing.T) {
	s := newStory(t, suspended("web", "g.io/o/web@"+digestOf("b")))
	s.options = pin.Options{Grace: time.Minute}
	follow := func(tag, digest string, others int) {
		s.followedBy("images", tag, digest)
		var snapshot pin.Snapshot
		for i := range others {
			addPolicy(&snapshot, "evil", fmt.Sprint("web-", i), "g.io/o/web", tag, policy.Rules{SemVer: "1.x"})
			snapshot.Policies[i].LatestDigest = digestOf(fmt.Sprint(i))
		}
		s.policies, s.repositories = append(s.policies, snapshot.Policies...), append(s.repositories, snapshot.Repositories...)
	}
	for i := range 8 {
		other := suspended(fmt.Sprint("other-", i), "g.io/o/web@"+digestOf(fmt.Sprint(i)))
		other.Namespace = "crowd"
		s.releases = append(s.releases, other)
	}
	follow("1.6.0", digestOf("b"), 8)
	s.pass(time.Minute)
	s.releases = s.releases[:1]
	follow("1.7.0", digestOf("c"), 8)
	s.expectTag("container/web==1.6.0\ncontainer/web==1.7.0\n", true)
}

// A stranger who claims a digest for one tag after the other adds no more than any stranger, and takes nothing away.
func TestDigestClaimedForManyTags(t *testing.T) {
	s := newStory(t, suspended("web", "g.io/o/web@"+digestOf("b")))
	s.options = pin.Options{Grace: time.Minute}
	s.followedBy("images", "9.9.9", digestOf("b"))
	s.pass(time.Minute)
	for i := range budget.ForeignTags + 20 {
		s.followedBy("evil", fmt.Sprintf("1.%d.0", i), digestOf("b"))
		s.pass(time.Minute)
	}
	s.followedBy("evil", "2.0.0", digestOf("c"))
	report := s.pass(time.Minute)
	for range 4 {
		report = s.pass(time.Minute)
	}
	if got := lines(report); len(report.Pins) != budget.ForeignTags+2 || !strings.Contains(got, "web==9.9.9\n") || !strings.Contains(got, "web==2.0.0\n") {
		t.Errorf("%d pins: %s", len(report.Pins), got)
	}
}

// The same for a live release, where those are protected, too.
func TestDigestOfALiveRelease(t *testing.T) {
	release := suspended("web", "g.io/o/web@"+digestOf("a"))
	release.Suspended, release.Ready, release.TargetNamespace = false, true, "apps"
	s := newStory(t, release)
	var memory pin.Memory
	plan := func(tag, digest, want string) {
		t.Helper()
		s.followedBy("apps", tag, digestOf(digest))
		for range 4 {
			s.now = s.now.Add(time.Minute)
			snapshot := &pin.Snapshot{
				Memory: memory, Taken: s.now, Releases: s.releases, Policies: s.policies, Repositories: s.repositories, AllReleases: true,
				Confirmed: map[object.ID]bool{release.ID: true},
			}
			report := pin.Plan(snapshot, pin.Options{Grace: time.Minute, ProtectLive: true, ReadyIsProof: true})
			memory = pin.MemoryOf(report)
			if got := lines(report); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	plan("1.6.0", "a", "container/web==1.6.0\n")
	plan("1.7.0", "b", "container/web==1.6.0\ncontainer/web==1.7.0\n")
	s.releases[0].Suspended = true
	plan("1.7.0", "b", "container/web==1.6.0\ncontainer/web==1.7.0\n")
}
