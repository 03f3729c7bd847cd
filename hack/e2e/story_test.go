//go:build e2e

package e2e

import (
	"testing"
)

// Without pinsync the cleaner deletes the tag that a suspended release needs, since no live
// pod refers to it.
func TestWithoutPinsync(t *testing.T) {
	w := newWorld(t, east)
	w.registry.push("cms-plugins", "staging")
	live := w.registry.push("cms-plugins", "production")
	byHand := w.registry.push("by-hand", "1")
	w.release("cms-plugins-staging", "cms-plugins", "staging", true)
	w.startPod("cms-plugins", "cms-plugins:production")

	if deleted := w.host.clean(w.host.static); len(deleted) != 1 || deleted[0] != pin("cms-plugins", "staging") {
		t.Errorf("the cleaner deleted %q", deleted)
	}
	w.registry.expectGone("cms-plugins", "staging")
	w.registry.expectWhole("cms-plugins", "production", live)
	w.registry.expectWhole("by-hand", "1", byHand)
}

// With pinsync the registry has the tag, in its last build, from the suspension of the
// release until nothing refers to it any more. The tags of single builds, which nothing
// refers to, are deleted.
func TestSuspendAndResume(t *testing.T) {
	w := newWorld(t, east)
	const release, image, tag = "cms-plugins-staging", "cms-plugins", "staging"
	built := w.registry.push(image, "0.1.1", tag)
	w.release(release, image, tag, false)
	w.follow(release, image, tag)
	w.resolve(release, image, tag, built)
	w.becomeReady(release)
	w.startPod("running", image+":"+tag)
	others := w.others()
	w.start()

	w.expectList(others...)
	w.host.cleans([]string{pin(image, "0.1.1")})
	w.registry.expectWhole(image, tag, built)

	w.setSuspend(release, true)
	w.expectList(append(others, pin(image, tag))...)
	w.endPod("running")
	w.host.cleans(nil)
	w.registry.expectWhole(image, tag, built)

	built = w.registry.push(image, "0.1.2", tag)
	w.resolve(release, image, tag, built)
	w.host.cleans([]string{pin(image, "0.1.2")})
	w.registry.expectWhole(image, tag, built)

	w.setSuspend(release, false)
	w.reported(apps + "/" + release + " is not Ready")
	w.host.cleans(nil)
	w.registry.expectWhole(image, tag, built)

	w.becomeReady(release)
	w.reported("no pod in " + apps + " runs it")
	w.host.cleans(nil)
	w.startPod("rolled-out", image+":"+tag+"@"+built.Digest.String())
	w.host.cleans(nil)
	w.registry.expectWhole(image, tag, built)

	w.expectList(others...)
	w.host.cleans(nil)
	w.registry.expectWhole(image, tag, built)

	w.endPod("rolled-out")
	w.host.cleans([]string{pin(image, tag)})
	w.registry.expectGone(image, tag)
}

// others creates releases that stay suspended, and returns their pins.
func (w *world) others() []string {
	w.t.Helper()
	var pins []string
	for _, name := range []string{"blog", "shop", "wiki"} {
		w.registry.push(name, "production")
		w.release(name, name, "production", true)
		pins = append(pins, pin(name, "production"))
	}
	return pins
}

// Gitea stores tags in lower case, also those that values have in upper case.
func TestUpperCaseTag(t *testing.T) {
	w := newWorld(t, east)
	built := w.registry.push("app", "V1.2")
	w.registry.push("app", "V1.3")
	w.release("app", "app", "V1.2", true)
	w.start()
	w.expectList(pin("app", "V1.2"), pin("app", "v1.2"))
	w.host.cleans([]string{pin("app", "v1.3")})
	w.registry.expectWhole("app", "V1.2", built)
	w.registry.expectGone("app", "V1.3")
}

// All manifests of a needed multi-platform image are kept, and none of one that is not
// needed.
func TestIndex(t *testing.T) {
	w := newWorld(t, east)
	index, children := w.registry.pushIndex("web", "edge")
	_, others := w.registry.pushIndex("web", "old")
	w.release("web", "web", "edge", true)
	w.start()
	w.expectList(pin("web", "edge"))
	w.host.cleans([]string{pin("web", "old"), pin("web", others[0].Digest.String()), pin("web", others[1].Digest.String())})
	w.registry.expectWhole("web", "edge", index)
	for _, child := range children {
		w.registry.expectWhole("web", child.Digest.String(), child)
	}
	w.registry.expectGone("web", others[0].Digest.String())
}
