//go:build e2e

package e2e

import (
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// Gitea stores tags in lower case, also those that values have in upper case.
func TestUpperCaseTag(t *testing.T) {
	w := newWorld(t)
	built := w.registry.push("app", "V1.2")
	w.registry.push("app", "V1.3")
	w.release("app", "app", "V1.2", true)
	w.start()
	w.expectList(testbed.Pin("app", "V1.2"), testbed.Pin("app", "v1.2"))
	w.host.cleans([]string{testbed.Pin("app", "v1.3")})
	w.registry.expectWhole("app", "V1.2", built)
	w.registry.expectGone("app", "V1.3")
}

// All manifests of a needed multi-platform image are kept, and none of one that is not
// needed.
func TestIndex(t *testing.T) {
	w := newWorld(t)
	index, children := w.registry.pushIndex("web", "edge")
	_, others := w.registry.pushIndex("web", "old")
	w.release("web", "web", "edge", true)
	w.start()
	w.expectList(testbed.Pin("web", "edge"))
	w.host.cleans([]string{testbed.Pin("web", "old"), testbed.Pin("web", others[0].Digest.String()), testbed.Pin("web", others[1].Digest.String())})
	w.registry.expectWhole("web", "edge", index)
	for _, child := range children {
		w.registry.expectWhole("web", child.Digest.String(), child)
	}
	w.registry.expectGone("web", others[0].Digest.String())
}

// A tag that is deleted while its release is suspended stays in the list, and so is kept when
// it is pushed again: the policy is not Ready in between.
func TestDeletedTag(t *testing.T) {
	s := newStory(t)
	built := s.registry.push("portal", "staging")
	s.release("portal", "portal", "staging", false)
	s.follow("portal", "portal")
	s.resolves("portal", built)
	s.isLive("portal", "portal:staging")
	s.suspend("portal", testbed.Pin("portal", "staging"))

	s.registry.delete("portal", "staging")
	s.losesTag("portal")
	s.lists(testbed.Pin("portal", "staging"))
	built = s.registry.push("portal", "0.1.2", "staging")
	s.cleans(testbed.Pin("portal", "0.1.2"))
	s.resolves("portal", built)
	s.setValues("portal", values{"image": s.image("portal", "staging"), "args": []string{"--changed"}})
	s.resume("portal", "portal:staging", testbed.Pin("portal", "staging"))
	s.registry.expectWhole("portal", "staging", built)
}

// A tag that is pushed again while a release refers to it with the digest of the build before
// is kept, until the release is live on the new digest.
func TestOverwrittenDigest(t *testing.T) {
	s := newStory(t)
	built := s.registry.push("app", "staging")
	withDigest := s.image("app", "staging")
	withDigest["digest"] = built.Digest.String()
	s.releaseWith("app", false, values{"image": withDigest})
	s.follow("app", "app")
	s.isLive("app", "app:staging@"+built.Digest.String())
	s.suspend("app", testbed.Pin("app", "staging"))

	built = s.registry.push("app", "staging")
	s.resolves("app", built)
	s.lists(testbed.Pin("app", "staging"))
	s.cleans()
	withDigest["digest"] = built.Digest.String()
	s.setValues("app", values{"image": withDigest})
	s.resume("app", "app:staging@"+built.Digest.String(), testbed.Pin("app", "staging"))
	s.registry.expectWhole("app", "staging", built)
}
