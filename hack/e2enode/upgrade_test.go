//go:build e2enode && linux

package e2enode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"oras.land/oras-go/v2"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// upgrade applies config/default with another tag and a configuration, as the documentation
// describes. One Pod is replaced after the other: the list loses no pin meanwhile, and has what is
// suspended afterwards.
func (w *world) upgrade(configuration string) {
	w.t.Helper()
	tag := w.namespace
	w.suspendNew("before")
	name, current, _ := strings.Cut(w.cluster.image, ":")
	repository, err := w.registry.Repository(strings.TrimPrefix(name, repositories))
	localtest.Must(w.t, err)
	_, err = oras.Tag(w.t.Context(), repository, current, tag)
	localtest.Must(w.t, err)
	root, err := local.Root()
	localtest.Must(w.t, err)
	folder := w.t.TempDir()
	base, err := filepath.Rel(folder, filepath.Join(root, "config", "default"))
	localtest.Must(w.t, err)
	for file, text := range map[string]string{
		"kustomization.yaml": fmt.Sprintf(`
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%q]
images: [{name: %q, newTag: %q}]
configMapGenerator: [{name: pinsync-config, namespace: %s, behavior: replace, files: [config.yaml]}]
`, base, name, tag, testbed.OwnNamespace),
		"config.yaml": "apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n" + configuration + "\n",
	} {
		localtest.Must(w.t, os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600))
	}
	localtest.Must(w.t, w.apply(w.t.Context(), folder))
	for _, pod := range w.controllers(w.t) {
		if image := pod.Spec.Containers[0].Image; !strings.HasSuffix(image, ":"+tag) {
			w.t.Errorf("%s is of %s, want the tag %s", pod.Name, image, tag)
		}
	}
	w.suspendNew("after")
	w.lists(w.pin("before"))
}
