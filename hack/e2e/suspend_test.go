//go:build e2e

package e2e

import (
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// Without pinsync the cleaner deletes the tag that a suspended release needs, since no live
// pod refers to it.
func TestWithoutPinsync(t *testing.T) {
	w := newWorld(t)
	w.registry.push("cms-plugins", "staging")
	live := w.registry.push("cms-plugins", "production")
	byHand := w.registry.push("by-hand", "1")
	w.release("cms-plugins-staging", "cms-plugins", "staging", true)
	w.release("cms-plugins", "cms-plugins", "production", false)
	w.isLive("cms-plugins", "cms-plugins:production")

	if deleted := w.host.clean(w.host.static); len(deleted) != 1 || deleted[0] != testbed.Pin("cms-plugins", "staging") {
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
	s := newStory(t)
	const release, image, tag = "cms-plugins-staging", "cms-plugins", "staging"
	built := s.registry.push(image, "0.1.1", tag)
	s.release(release, image, tag, false)
	s.follow(release, image)
	s.resolves(release, built)
	s.isLive(release, image+":"+tag)
	s.lists()
	s.cleans(testbed.Pin(image, "0.1.1"))
	s.registry.expectWhole(image, tag, built)

	s.suspend(release, testbed.Pin(image, tag))
	s.cleans()
	s.registry.expectWhole(image, tag, built)

	built = s.registry.push(image, "0.1.2", tag)
	s.resolves(release, built)
	s.cleans(testbed.Pin(image, "0.1.2"))
	s.registry.expectWhole(image, tag, built)

	updated := s.image(image, tag)
	updated["digest"] = built.Digest.String()
	s.setValues(release, values{"image": updated})
	s.resume(release, image+":"+tag+"@"+built.Digest.String(), testbed.Pin(image, tag))
	s.cleans()
	s.registry.expectWhole(image, tag, built)

	s.scale(release, 0)
	s.cleans(testbed.Pin(image, tag))
	s.registry.expectGone(image, tag)
}

// A release that was created suspended has no status and no HelmChart, and its tag no build
// yet.
func TestCreatedSuspended(t *testing.T) {
	s := newStory(t)
	s.Needs(testbed.Pin("app", "staging"))
	s.releaseWith("app", true, values{"image": s.image("app", "staging")}, s.offerClassicChart())
	s.follow("app", "app")
	s.lists(testbed.Pin("app", "staging"))
	s.losesTag("app")

	built := s.registry.push("app", "0.1.1", "staging")
	s.resolves("app", built)
	s.cleans(testbed.Pin("app", "0.1.1"))
	s.registry.expectWhole("app", "staging", built)

	s.resume("app", "app:staging", testbed.Pin("app", "staging"))
	s.registry.expectWhole("app", "staging", built)
}

// While the values of a suspended release move on, its tags are what it ran, which a scaling
// by hand starts again, and what the values name last.
func TestValuesMoveOn(t *testing.T) {
	s := newStory(t)
	one := s.registry.push("app", "1")
	s.release("app", "app", "1", false)
	s.isLive("app", "app:1")
	s.suspend("app", testbed.Pin("app", "1"))

	s.registry.push("app", "2")
	s.setValues("app", values{"image": s.image("app", "2")})
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	three := s.registry.push("app", "3")
	s.Needs(testbed.Pin("app", "3"))
	s.setValues("app", values{"image": s.image("app", "3")})
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "3"))
	s.cleans(testbed.Pin("app", "2"))
	s.registry.expectWhole("app", "1", one)
	s.registry.expectWhole("app", "3", three)

	s.scale("app", 1)
	s.runs("app", "app:1")
	s.resume("app", "app:3", testbed.Pin("app", "1"), testbed.Pin("app", "3"))
	s.cleans(testbed.Pin("app", "1"))
	s.registry.expectWhole("app", "3", three)
}

// The images of init containers and hooks are needed, too. A hook's stays in the list after
// the release is live: a Pod that has ended does not prove that the next one can start.
func TestHooksAndInitContainers(t *testing.T) {
	s := newStory(t)
	images := []string{"app", "init", "migrate"}
	var pins []string
	for _, image := range images {
		s.registry.push(image, "1")
		pins = append(pins, testbed.Pin(image, "1"))
	}
	v := values{
		"image": s.image("app", "1"),
		"init":  values{"image": s.image("init", "1")},
		"hook":  values{"image": s.image("migrate", "1")},
	}
	s.releaseWith("app", false, v)
	s.isLive("app", "app:1")
	s.suspend("app", pins...)
	s.cleans()

	v["args"] = []string{"--changed"}
	s.setValues("app", v)
	s.setSuspend("app", false)
	s.MayRemove(testbed.Pin("app", "1"), testbed.Pin("init", "1"))
	s.isLive("app", "app:1")
	s.lists(testbed.Pin("migrate", "1"))
}

// A tag that a Secret names is needed, if pinsync may read Secrets.
func TestSecretValues(t *testing.T) {
	s := newStory(t, "secretValues: Read")
	s.registry.push("app", "1")
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "values"},
		StringData: map[string]string{"tag": "1"},
	}
	localtest.Must(t, s.Client.Create(t.Context(), secret))
	s.releaseWith("app", false, values{"image": map[string]string{"repository": s.registry.Name("app")}}, func(release *helmv2.HelmRelease) {
		release.Spec.ValuesFrom = []meta.ValuesReference{{Kind: "Secret", Name: "values", ValuesKey: "tag", TargetPath: "image.tag"}}
	})
	s.isLive("app", "app:1")
	s.suspend("app", testbed.Pin("app", "1"))

	s.registry.push("app", "2")
	s.Needs(testbed.Pin("app", "2"))
	localtest.Must(t, s.Client.Patch(t.Context(), secret, client.RawPatch("application/merge-patch+json", []byte(`{"stringData": {"tag": "2"}}`))))
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.cleans()
	s.resume("app", "app:2", testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.cleans(testbed.Pin("app", "1"))
}
