//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

const (
	// chartSource is the name of the source of the test's chart, in the test's namespace.
	chartSource = "app"
	// loginSecret is the name of a Secret there with a password for Gitea.
	loginSecret = "registry"
	// chartVersion is the version in the chart's Chart.yaml.
	chartVersion = "1.0.0"

	chartConfigType  = "application/vnd.cncf.helm.config.v1+json"
	chartContentType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// archive returns the files of testdata as a compressed tar archive, which is how Helm packs
// a chart.
func archive(t testing.TB, folder string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	files := tar.NewWriter(zip)
	localtest.Must(t, files.AddFS(os.DirFS(folder)))
	localtest.Must(t, files.Close())
	localtest.Must(t, zip.Close())
	return buffer.Bytes()
}

// pushChart pushes the chart app as an OCI artifact.
func (r *registry) pushChart() {
	r.t.Helper()
	store := memory.New()
	config := r.pack(store, chartConfigType, map[string]string{"apiVersion": "v2", "name": "app", "version": chartVersion})
	content, err := oras.PushBytes(r.t.Context(), store, chartContentType, archive(r.t, "testdata"))
	localtest.Must(r.t, err)
	manifest := r.pack(store, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{content},
	})
	r.upload(store, manifest, "app", chartVersion)
}

// offer pushes the chart and creates what releases refer to it by. The chart has another
// owner than the images: the cleaner does not clean it.
func (w *world) offer() {
	w.t.Helper()
	login, err := json.Marshal(map[string]any{"auths": map[string]any{gitea.Host: map[string]string{"username": gitea.User, "password": gitea.Token}}})
	localtest.Must(w.t, err)
	localtest.Must(w.t, w.client.Create(w.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: loginSecret},
		Type:       corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: login},
	}))
	charts := newRegistry(w.t)
	charts.pushChart()
	w.create("source.toolkit.fluxcd.io/v1", "OCIRepository", chartSource, map[string]any{
		"url": "oci://" + charts.name("app"), "insecure": true, "interval": time.Hour.String(),
		"ref": map[string]any{"tag": chartVersion}, "secretRef": map[string]any{"name": loginSecret},
		"layerSelector": map[string]any{"mediaType": chartContentType, "operation": "copy"},
	})
}

// create creates an object of a kind of Flux of which pinsync has no types.
func (w *world) create(apiVersion, kind, name string, spec map[string]any) {
	w.t.Helper()
	localtest.Must(w.t, w.client.Create(w.t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{"namespace": w.namespace, "name": name}, "spec": spec,
	}}))
}
