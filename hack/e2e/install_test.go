//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// hack/image makes an image for two platforms that a registry takes, and that is what it should be:
// the program, its labels, and a user that is not root.
func TestImage(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	binaries := t.TempDir()
	program, err := os.ReadFile(pinsyncBinary)
	localtest.Must(t, err)
	for _, architecture := range []string{"amd64", "arm64"} {
		localtest.Must(t, os.WriteFile(filepath.Join(binaries, "pinsync-linux-"+architecture), append(program, architecture...), 0o600))
		localtest.Must(t, os.WriteFile(filepath.Join(binaries, "pinsync-linux-"+architecture+".cdx.json"), []byte(`"`+architecture+`"`), 0o600))
	}
	r.pushPinsync("v1", binaries, "linux/amd64,linux/arm64")
	r.pushPinsync("v2", binaries, "linux/amd64,linux/arm64")
	store := memory.New()
	pulled, err := oras.Copy(t.Context(), r.repository("pinsync"), "v1", store, "", oras.DefaultCopyOptions)
	localtest.Must(t, err)
	if again, err := r.repository("pinsync").Resolve(t.Context(), "v2"); err != nil || again.Digest != pulled.Digest {
		t.Errorf("the same input makes %s, and then %s, %v", pulled.Digest, again.Digest, err)
	}
	index := fetch[ocispec.Index](t, store, pulled)
	if len(index.Manifests) != 2 {
		t.Fatalf("the index has %+v", index.Manifests)
	}
	for i, architecture := range []string{"amd64", "arm64"} {
		checkImage(t, store, &index.Manifests[i], architecture, append(program, architecture...))
	}
}

// pushPinsync pushes the image of binaries in a folder.
func (r *registry) pushPinsync(tag, binaries, platforms string) {
	r.t.Helper()
	login, err := json.Marshal(map[string]any{"auths": map[string]any{gitea.Host: map[string]string{"username": gitea.User, "password": gitea.Token}}})
	localtest.Must(r.t, err)
	localtest.Must(r.t, os.WriteFile(filepath.Join(binaries, "config.json"), login, 0o600))
	command := exec.CommandContext(r.t.Context(), "go", "run", "../image", "-plain-http", "-image", r.Name("pinsync:"+tag), "-platforms", platforms,
		"-binaries", binaries, "-version", "v9.9.9", "-revision", "0123abc", "-created", "2026-01-02T03:04:05+01:00")
	command.Env = append(os.Environ(), "DOCKER_CONFIG="+binaries)
	if output, err := command.CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, output)
	}
}

// checkImage checks the image for an architecture, whose program is known.
func checkImage(t *testing.T, store *memory.Store, of *ocispec.Descriptor, architecture string, program []byte) {
	t.Helper()
	manifest := fetch[ocispec.Manifest](t, store, *of)
	config := fetch[ocispec.Image](t, store, manifest.Config)
	if p := of.Platform; p == nil || p.Architecture != architecture || p.OS != "linux" || config.Architecture != architecture {
		t.Errorf("the image is for %+v and %+v, want %s", p, config.Platform, architecture)
	}
	for label, want := range map[string]string{
		"org.opencontainers.image.version": "v9.9.9", "org.opencontainers.image.revision": "0123abc",
		"org.opencontainers.image.created": "2026-01-02T02:04:05Z", "org.opencontainers.image.source": "https://git.oleks.space/oleks/pinsync",
	} {
		if config.Config.Labels[label] != want || manifest.Annotations[label] != want {
			t.Errorf("%s is %q and %q, want %q", label, config.Config.Labels[label], manifest.Annotations[label], want)
		}
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/pinsync"}) {
		t.Errorf("it runs %v as %s", config.Config.Entrypoint, config.Config.User)
	}
	files := unpack(t, store, manifest.Layers[0])
	if !bytes.Equal(files["pinsync"], program) {
		t.Errorf("the program for %s has %d bytes", architecture, len(files["pinsync"]))
	}
	if n := bytes.Count(files["etc/ssl/certs/ca-certificates.crt"], []byte("BEGIN CERTIFICATE")); n < 50 {
		t.Errorf("there are %d certificates of authorities", n)
	}
}

// fetch reads a document of a store.
func fetch[T any](t *testing.T, store *memory.Store, of ocispec.Descriptor) (document T) {
	t.Helper()
	content, err := store.Fetch(t.Context(), of)
	localtest.Must(t, err)
	defer content.Close()
	localtest.Must(t, json.NewDecoder(content).Decode(&document))
	return document
}

// unpack returns the files of a layer, with their permissions checked.
func unpack(t *testing.T, store *memory.Store, layer ocispec.Descriptor) map[string][]byte {
	t.Helper()
	content, err := store.Fetch(t.Context(), layer)
	localtest.Must(t, err)
	defer content.Close()
	zip, err := gzip.NewReader(content)
	localtest.Must(t, err)
	files, archive := map[string][]byte{}, tar.NewReader(zip)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		localtest.Must(t, err)
		if header.FileInfo().Mode().Perm()&0o444 != 0o444 || header.Name == "pinsync" && header.Mode != 0o755 {
			t.Errorf("%s has the permissions %o", header.Name, header.Mode)
		}
		files[header.Name], err = io.ReadAll(archive)
		localtest.Must(t, err)
	}
}

// The manifests of the page install pinsync by Flux's own controllers.
func TestInstallWithFlux(t *testing.T) {
	w := newWorld(t)
	page, err := os.ReadFile("../../docs/install-with-flux.md")
	localtest.Must(t, err)
	objects := map[string]*unstructured.Unstructured{}
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
		object := &unstructured.Unstructured{}
		localtest.Must(t, yaml.UnmarshalStrict([]byte(block[1]), &object.Object))
		objects[object.GetKind()] = object
	}
	git, source, kustomization := objects["GitRepository"], objects["OCIRepository"], objects["Kustomization"]
	if git == nil || source == nil || kustomization == nil {
		t.Fatalf("the page has %d objects", len(objects))
	}
	localtest.Must(t, w.Client.Create(t.Context(), git, client.DryRunAll))

	set := func(object *unstructured.Unstructured, value any, fields ...string) {
		localtest.Must(t, unstructured.SetNestedField(object.Object, value, append([]string{"spec"}, fields...)...))
		object.SetNamespace(w.namespace)
	}
	root := t.TempDir()
	localtest.Must(t, os.CopyFS(filepath.Join(root, "config"), os.DirFS("../../config")))
	manifests, err := testbed.Archive(os.DirFS(root))
	localtest.Must(t, err)
	localtest.Must(t, w.sources.PushArtifact(t.Context(), "manifests", "v0.1.0", "application/vnd.cncf.flux.config.v1+json", map[string]string{},
		"application/vnd.cncf.flux.content.v1.tar+gzip", manifests))
	set(source, "oci://"+w.sources.Name("manifests"), "url")
	set(source, true, "insecure")
	set(source, map[string]any{"name": testbed.LoginSecret}, "secretRef")
	set(kustomization, "OCIRepository", "sourceRef", "kind")
	set(kustomization, false, "wait")              // no kubelet starts the pods of this image
	set(kustomization, "Orphan", "deletionPolicy") // what is installed is that of all tests
	localtest.Must(t, w.Client.Create(t.Context(), source))
	localtest.Must(t, w.Client.Create(t.Context(), kustomization))
	localtest.Until(t, func() (bool, string) {
		if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(kustomization), kustomization); err != nil {
			return false, err.Error()
		}
		conditions, _, _ := unstructured.NestedSlice(kustomization.Object, "status", "conditions")
		text, _ := json.Marshal(conditions)
		return strings.Contains(string(text), "ReconciliationSucceeded"), string(text)
	})

	var deployment appsv1.Deployment
	localtest.Must(t, w.Client.Get(t.Context(), client.ObjectKey{Namespace: testbed.OwnNamespace, Name: "pinsync"}, &deployment))
	var configured corev1.ConfigMap
	volume := deployment.Spec.Template.Spec.Volumes[0].ConfigMap.Name
	localtest.Must(t, w.Client.Get(t.Context(), client.ObjectKey{Namespace: testbed.OwnNamespace, Name: volume}, &configured))
	if !strings.Contains(configured.Data["config.yaml"], "owner: oleks") {
		t.Errorf("the pods' configuration is %s", configured.Data)
	}
	var account corev1.ServiceAccount
	localtest.Must(t, w.Client.Get(t.Context(), client.ObjectKey{Namespace: testbed.OwnNamespace, Name: "pinsync-cleaner"}, &account))
	if account.Labels["kustomize.toolkit.fluxcd.io/name"] != "pinsync" {
		t.Errorf("the component's account has the labels %v", account.Labels)
	}
	localtest.Must(t, w.Client.Delete(t.Context(), kustomization))
	localtest.Until(t, func() (bool, string) { // before its namespace
		err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(kustomization), kustomization)
		return client.IgnoreNotFound(err) == nil && err != nil, "the Kustomization is not deleted yet"
	})
}
