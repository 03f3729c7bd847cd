//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// registry is one owner's part of Gitea's registry, and the CI that pushes there.
type registry struct {
	t     *testing.T
	owner string
}

// Counters: no two owners and no two builds are the same.
var owners, builds atomic.Int32

// newRegistry creates an owner without images.
func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{t: t, owner: fmt.Sprint("team-", owners.Add(1))}
	r.request(http.MethodPost, "/api/v1/orgs", map[string]string{"username": r.owner}, http.StatusCreated)
	return r
}

// name returns an image reference for manifests.
func (r *registry) name(image string) string { return gitea.Host + "/" + r.owner + "/" + image }

func (r *registry) repository(image string) *remote.Repository {
	r.t.Helper()
	repository, err := openRepository(r.name(image))
	localtest.Must(r.t, err)
	return repository
}

// openRepository returns Gitea's repository of an image reference.
func openRepository(reference string) (*remote.Repository, error) {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = true
	repository.Client = &auth.Client{
		Credential: auth.StaticCredential(gitea.Host, auth.Credential{Username: gitea.User, Password: gitea.Token}),
	}
	return repository, nil
}

// pull returns the digest of an image that a cluster pulls.
func pull(ctx context.Context, image string) (digest string, err error) {
	if !strings.HasPrefix(image, gitea.Host+"/") {
		return "", fmt.Errorf("%s is not in Gitea", image)
	}
	repository, err := openRepository(image)
	if err != nil {
		return "", err
	}
	found, err := repository.Resolve(ctx, repository.Reference.Reference)
	return found.Digest.String(), err
}

// push builds an image for one platform and pushes it with all tags.
func (r *registry) push(image string, tags ...string) ocispec.Descriptor {
	r.t.Helper()
	store := memory.New()
	built := r.build(store, "amd64")
	r.upload(store, built, image, tags...)
	return built
}

// pushIndex builds an image for two platforms and pushes it with all tags.
func (r *registry) pushIndex(image string, tags ...string) (index ocispec.Descriptor, children []ocispec.Descriptor) {
	r.t.Helper()
	store := memory.New()
	children = []ocispec.Descriptor{r.build(store, "amd64"), r.build(store, "arm64")}
	index = r.pack(store, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children,
	})
	r.upload(store, index, image, tags...)
	return index, children
}

func (r *registry) build(store *memory.Store, architecture string) ocispec.Descriptor {
	r.t.Helper()
	platform := ocispec.Platform{OS: "linux", Architecture: architecture}
	config := r.pack(store, ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: platform, RootFS: ocispec.RootFS{Type: "layers"},
		Config: ocispec.ImageConfig{Labels: map[string]string{"build": fmt.Sprint(builds.Add(1))}},
	})
	layer := r.pack(store, ocispec.MediaTypeImageLayer, "the files of build "+fmt.Sprint(builds.Load()))
	manifest := r.pack(store, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
	manifest.Platform = &platform
	return manifest
}

func (r *registry) pack(store *memory.Store, mediaType string, what any) ocispec.Descriptor {
	r.t.Helper()
	text, err := json.Marshal(what)
	localtest.Must(r.t, err)
	descriptor, err := oras.PushBytes(r.t.Context(), store, mediaType, text)
	localtest.Must(r.t, err)
	return descriptor
}

func (r *registry) upload(store *memory.Store, root ocispec.Descriptor, image string, tags ...string) {
	r.t.Helper()
	for _, tag := range tags {
		localtest.Must(r.t, store.Tag(r.t.Context(), root, tag))
		_, err := oras.Copy(r.t.Context(), store, tag, r.repository(image), tag, oras.DefaultCopyOptions)
		localtest.Must(r.t, err)
	}
}

// expectWhole pulls an image, by tag or digest, with all its manifests and blobs.
func (r *registry) expectWhole(image, reference string, want ocispec.Descriptor) {
	r.t.Helper()
	pulled, err := oras.Copy(r.t.Context(), r.repository(image), reference, memory.New(), reference, oras.DefaultCopyOptions)
	if err != nil || pulled.Digest != want.Digest {
		r.t.Errorf("pulling %s, %s: got %s, %v; want %s", image, reference, pulled.Digest, err, want.Digest)
	}
}

// expectGone checks that the registry does not have the image any more.
func (r *registry) expectGone(image, reference string) {
	r.t.Helper()
	if found, err := r.repository(image).Resolve(r.t.Context(), reference); !errors.Is(err, errdef.ErrNotFound) {
		r.t.Errorf("%s, %s still exists: %s, %v", image, reference, found.Digest, err)
	}
}

// versions lists the tags and digests of all images of the owner, as pins.
func (r *registry) versions() []string {
	r.t.Helper()
	var packages []struct{ Name, Version string }
	const most = 50
	answer := r.request(http.MethodGet, fmt.Sprintf("/api/v1/packages/%s?type=container&limit=%d", r.owner, most), nil, http.StatusOK)
	localtest.Must(r.t, json.Unmarshal(answer, &packages))
	if len(packages) == most {
		r.t.Fatalf("%s may have more than %d versions", r.owner, most)
	}
	versions := make([]string, len(packages))
	for i, p := range packages {
		versions[i] = pin(p.Name, p.Version)
	}
	slices.Sort(versions)
	return versions
}

// delete deletes a tag or digest.
func (r *registry) delete(image, version string) {
	r.t.Helper()
	r.request(http.MethodDelete, "/api/v1/packages/"+r.owner+"/container/"+url.PathEscape(image)+"/"+url.PathEscape(version), nil, http.StatusNoContent)
}

// request makes a request to Gitea's API, whose response must have the status.
func (r *registry) request(method, path string, body any, status int) []byte {
	r.t.Helper()
	text, err := json.Marshal(body)
	localtest.Must(r.t, err)
	return r.send(method, path, "application/json", text, status)
}

// send makes a request with a body of some type, whose response must have the status.
func (r *registry) send(method, path, contentType string, body []byte, status int) []byte {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+gitea.Host+path, bytes.NewReader(body))
	localtest.Must(r.t, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "token "+gitea.Token)
	response, err := http.DefaultClient.Do(request)
	localtest.Must(r.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	localtest.Must(r.t, err)
	if response.StatusCode != status {
		r.t.Fatalf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer
}

// pin is a line of the list.
func pin(image, version string) string { return "container/" + image + "==" + version }
