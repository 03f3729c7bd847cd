//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// registry is one owner's part of Gitea's registry, and the CI that pushes there.
type registry struct {
	*testbed.Registry
	t *testing.T
}

// owners counts owners: no two are the same.
var owners atomic.Int32

// newRegistry creates an owner without images.
func newRegistry(t *testing.T) *registry {
	t.Helper()
	r, err := testbed.NewRegistry(t.Context(), gitea, fmt.Sprint("team-", owners.Add(1)))
	localtest.Must(t, err)
	return &registry{r, t}
}

func (r *registry) repository(image string) *remote.Repository {
	r.t.Helper()
	repository, err := r.Repository(image)
	localtest.Must(r.t, err)
	return repository
}

// push builds an image for one platform and pushes it with all tags.
func (r *registry) push(image string, tags ...string) ocispec.Descriptor {
	r.t.Helper()
	built, err := r.Push(r.t.Context(), image, tags...)
	localtest.Must(r.t, err)
	return built
}

// pushIndex builds an image for two platforms and pushes it with all tags.
func (r *registry) pushIndex(image string, tags ...string) (index ocispec.Descriptor, children []ocispec.Descriptor) {
	r.t.Helper()
	index, children, err := r.PushIndex(r.t.Context(), image, tags...)
	localtest.Must(r.t, err)
	return index, children
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
	found, err := r.Versions(r.t.Context())
	localtest.Must(r.t, err)
	versions := make([]string, len(found))
	for i, v := range found {
		versions[i] = testbed.Pin(v.Name, v.Version)
	}
	slices.Sort(versions)
	return versions
}

// delete deletes a tag or digest.
func (r *registry) delete(image, version string) {
	r.t.Helper()
	localtest.Must(r.t, r.Delete(r.t.Context(), image, version))
}
