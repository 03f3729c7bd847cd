//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"
	"testing/fstest"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

const (
	// manifests is the name of the artifact with the manifests that Flux applies, and of the
	// objects that apply them.
	manifests = "manifests"

	// commitInterval is how often Flux looks for commits.
	commitInterval = "1s"

	fluxConfigType  = "application/vnd.cncf.flux.config.v1+json"
	fluxContentType = "application/vnd.cncf.flux.content.v1.tar+gzip"
)

// commit publishes the manifest of a release, which kustomize-controller applies.
func (w *world) commit(release *helmv2.HelmRelease) {
	w.t.Helper()
	text, err := json.Marshal(release)
	localtest.Must(w.t, err)
	content, err := testbed.Archive(fstest.MapFS{"release.yaml": {Data: text, Mode: 0o644}})
	localtest.Must(w.t, err)
	localtest.Must(w.t, w.sources.PushArtifact(w.t.Context(), manifests, "main", fluxConfigType, map[string]string{}, fluxContentType, content))
}

// applyCommits makes kustomize-controller apply what is committed.
func (w *world) applyCommits() {
	w.t.Helper()
	w.create(testbed.SourceAPI, "OCIRepository", manifests, map[string]any{
		"url": "oci://" + w.sources.Name(manifests), "insecure": true, "interval": commitInterval,
		"ref": map[string]any{"tag": "main"}, "secretRef": map[string]any{"name": testbed.LoginSecret},
	})
	w.create("kustomize.toolkit.fluxcd.io/v1", "Kustomization", manifests, map[string]any{
		"interval": commitInterval, "prune": true, "path": "./",
		"sourceRef": map[string]any{"kind": "OCIRepository", "name": manifests},
	})
}

// A suspended release that is deleted by mistake, and made again by Flux, has no history in its
// status: what it ran is needed all the same, and so is what its values name now.
func TestMadeAgain(t *testing.T) {
	s := newStory(t, "hold: {grace: 15s}")
	one := s.registry.push("app", "1")
	committed := s.newRelease("app", false, values{"image": s.image("app", "1")})
	s.commit(committed)
	s.applyCommits()
	s.exists("app")
	s.isLive("app", "app:1")

	s.Needs(testbed.Pin("app", "1"))
	committed.Spec.Suspend = true
	s.commit(committed)
	s.lists(testbed.Pin("app", "1"))
	s.scale("app", 0)
	s.registry.push("app", "2")
	s.Needs(testbed.Pin("app", "2"))
	committed.Spec.Values = s.encode(values{"image": s.image("app", "2")})
	s.commit(committed)
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "2"))

	before := s.releaseNamed("app")
	localtest.Must(t, s.Client.Delete(t.Context(), before))
	localtest.Until(t, func() (bool, string) {
		var again helmv2.HelmRelease
		err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(before), &again)
		return err == nil && again.UID != before.UID, "HelmRelease app was not made again"
	})
	s.Needs(testbed.Pin("later", "1"))
	s.release("later", "later", "1", true) // once it is listed, pinsync has seen what was before it
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "2"), testbed.Pin("later", "1"))
	s.needed(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.cleans()
	s.registry.expectWhole("app", "1", one)

	committed.Spec.Suspend = false
	s.MayRemove(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.commit(committed)
	s.isLive("app", "app:2")
	s.lists(testbed.Pin("later", "1"))
	s.cleans(testbed.Pin("app", "1"))
}
