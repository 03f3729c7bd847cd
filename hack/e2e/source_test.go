//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
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
	// chartName and chartVersion are in the Chart.yaml of the chart that releases are of.
	chartName, chartVersion = "app", "1.0.0"
	// loginSecret is the name of a Secret in a test's namespace, with a password for Gitea.
	loginSecret = "registry"

	sourceAPI = "source.toolkit.fluxcd.io/v1"

	chartConfigType  = "application/vnd.cncf.helm.config.v1+json"
	chartContentType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// archive returns files as a compressed tar archive.
func archive(t testing.TB, files fs.FS) []byte {
	t.Helper()
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(zip)
	localtest.Must(t, writer.AddFS(files))
	localtest.Must(t, writer.Close())
	localtest.Must(t, zip.Close())
	return buffer.Bytes()
}

// chart returns the chart as Helm packs it.
func chart(t testing.TB) []byte {
	t.Helper()
	return archive(t, os.DirFS("testdata"))
}

// pushArtifact pushes an archive that is no image.
func (r *registry) pushArtifact(name, tag, configType string, config any, contentType string, content []byte) {
	r.t.Helper()
	store := memory.New()
	layer, err := oras.PushBytes(r.t.Context(), store, contentType, content)
	localtest.Must(r.t, err)
	manifest := r.pack(store, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: r.pack(store, configType, config), Layers: []ocispec.Descriptor{layer},
	})
	r.upload(store, manifest, name, tag)
}

// offerChart pushes the chart and creates the OCIRepository that releases refer to.
func (w *world) offerChart() {
	w.t.Helper()
	w.createLogin()
	config := map[string]string{"apiVersion": "v2", "name": chartName, "version": chartVersion}
	w.sources.pushArtifact(chartName, chartVersion, chartConfigType, config, chartContentType, chart(w.t))
	w.create(sourceAPI, "OCIRepository", chartName, map[string]any{
		"url": "oci://" + w.sources.name(chartName), "insecure": true, "interval": time.Hour.String(),
		"ref": map[string]any{"tag": chartVersion}, "secretRef": map[string]any{"name": loginSecret},
		"layerSelector": map[string]any{"mediaType": chartContentType, "operation": "copy"},
	})
}

// offerClassicChart uploads the chart to a classic Helm repository, and creates a
// HelmRepository. It returns what makes a release of it.
func (w *world) offerClassicChart() func(*helmv2.HelmRelease) {
	w.t.Helper()
	path := "/api/packages/" + w.sources.owner + "/helm"
	w.sources.send(http.MethodPost, path+"/api/charts", "application/gzip", chart(w.t), http.StatusCreated)
	w.create(sourceAPI, "HelmRepository", "classic", map[string]any{
		"url": "http://" + gitea.Host + path, "interval": time.Hour.String(), "secretRef": map[string]any{"name": loginSecret},
	})
	return func(release *helmv2.HelmRelease) {
		release.Spec.ChartRef = nil
		release.Spec.Chart = &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
			Chart: chartName, Version: chartVersion,
			SourceRef: helmv2.CrossNamespaceObjectReference{Kind: "HelmRepository", Name: "classic"},
		}}
	}
}

// createLogin creates a Secret for pulling images and for Helm repositories.
func (w *world) createLogin() {
	w.t.Helper()
	login := map[string]string{"username": gitea.User, "password": gitea.Token}
	docker, err := json.Marshal(map[string]any{"auths": map[string]any{gitea.Host: login}})
	localtest.Must(w.t, err)
	localtest.Must(w.t, w.client.Create(w.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: loginSecret}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: docker}, StringData: login,
	}))
}

// create creates an object of a kind of Flux of which pinsync has no types.
func (w *world) create(apiVersion, kind, name string, spec map[string]any) {
	w.t.Helper()
	localtest.Must(w.t, w.client.Create(w.t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{"namespace": w.namespace, "name": name}, "spec": spec,
	}}))
}
