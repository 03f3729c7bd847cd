package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// maxIndex is how large an index is read: what registries take as a manifest, 4 MiB.
const maxIndex = 4 << 20

// dockerIndex is the media type of what Docker called a manifest list.
const dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"

// host is one registry.
type host struct {
	checker *Checker
	name    string
	// down is set by the first request that got no answer: the others need not wait, too.
	down atomic.Pointer[Answer]

	mu    sync.Mutex
	cache map[image.Repository]auth.Cache
}

func (c *Checker) newHost(name string) *host {
	return &host{checker: c, name: name, cache: map[image.Repository]auth.Cache{}}
}

// ask asks whether an image is there.
func (h *host) ask(ctx context.Context, ref image.Reference) Answer {
	if down := h.down.Load(); down != nil {
		return *down
	}
	answer := h.answer(ctx, ref)
	if answer.Status == v1alpha1.ImageUnreachable {
		h.down.Store(&answer)
	}
	return answer
}

func (h *host) answer(ctx context.Context, ref image.Reference) Answer {
	repository, err := h.repository(ref.Repository)
	if err != nil {
		return answerTo(err)
	}
	found, err := resolve(ctx, repository, ref.Tag)
	if err != nil {
		return answerTo(err)
	}
	if found.MediaType != ocispec.MediaTypeImageIndex && found.MediaType != dockerIndex {
		return Answer{Status: v1alpha1.ImagePresent}
	}
	return h.children(ctx, repository, found)
}

// repository returns the client of a repository.
func (h *host) repository(name image.Repository) (*remote.Repository, error) {
	repository, err := remote.NewRepository(name.String())
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = h.checker.plain[h.name]
	repository.Client = h.client(name)
	return repository, nil
}

// client is one for each repository: credentials may be of one alone.
func (h *host) client(name image.Repository) *auth.Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cache[name] == nil {
		h.cache[name] = auth.NewCache()
	}
	client := &auth.Client{Client: h.checker.client, Credential: h.checker.credentials(name), Cache: h.cache[name]}
	client.SetUserAgent("pinsync")
	return client
}

// resolve asks for a tag by HEAD, and by GET where the answer is none that can be believed:
// some proxies answer 404 to what they do not know, and some registries leave out what a
// client must know.
func resolve(ctx context.Context, repository *remote.Repository, tag string) (ocispec.Descriptor, error) {
	found, err := repository.Resolve(ctx, tag)
	if err == nil || isDenied(err) || isUnanswered(err) {
		return found, err
	}
	found, body, err := repository.FetchReference(ctx, tag)
	switch {
	case err == nil:
		return found, body.Close()
	case errors.Is(err, errdef.ErrNotFound):
		return found, confirm(ctx, repository, err)
	default:
		return found, err
	}
}

// errNotConfirmed is why a 404 is not believed.
var errNotConfirmed = errors.New("it answers 404, but not as a registry does")

// confirm returns the error of a 404, unless what answers is no registry: then its 404 says
// nothing.
func confirm(ctx context.Context, repository *remote.Repository, notFound error) error {
	registry := &remote.Registry{RepositoryOptions: remote.RepositoryOptions{
		Client: repository.Client, Reference: repository.Reference, PlainHTTP: repository.PlainHTTP,
	}}
	if err := registry.Ping(ctx); err != nil && !isDenied(err) {
		return fmt.Errorf("%w: its /v2/ says %w", errNotConfirmed, err)
	}
	return notFound
}

// children asks for every child manifest of an index.
func (h *host) children(ctx context.Context, repository *remote.Repository, found ocispec.Descriptor) Answer {
	index, err := fetchIndex(ctx, repository, found)
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return Answer{v1alpha1.ImageIncomplete, "its index is not there: " + found.Digest.String()}
	case err != nil:
		return answerTo(fmt.Errorf("reading its index: %w", err))
	}
	for i := range index.Manifests {
		child := &index.Manifests[i]
		_, err := repository.Resolve(ctx, child.Digest.String())
		switch {
		case errors.Is(err, errdef.ErrNotFound):
			return Answer{v1alpha1.ImageIncomplete, fmt.Sprintf("its index has a child manifest that is not there: %s%s",
				child.Digest, platform(child))}
		case err != nil:
			return answerTo(fmt.Errorf("asking for child manifest %s: %w", child.Digest, err))
		}
	}
	return Answer{Status: v1alpha1.ImagePresent}
}

func fetchIndex(ctx context.Context, repository *remote.Repository, found ocispec.Descriptor) (*ocispec.Index, error) {
	if found.Size > maxIndex {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that a registry takes", found.Size, maxIndex)
	}
	body, err := repository.Fetch(ctx, found)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // nothing was written
	index := &ocispec.Index{}
	if err := json.NewDecoder(io.LimitReader(body, maxIndex)).Decode(index); err != nil {
		return nil, err
	}
	return index, nil
}

func platform(child *ocispec.Descriptor) string {
	if child.Platform == nil {
		return ""
	}
	return " for " + child.Platform.OS + "/" + child.Platform.Architecture
}

// answerTo is what an error says of the image.
func answerTo(err error) Answer {
	response, isResponse := errors.AsType[*errcode.ErrorResponse](err)
	switch {
	case errors.Is(err, errNotConfirmed):
		return Answer{v1alpha1.ImageUnknown, err.Error()}
	case errors.Is(err, errdef.ErrNotFound):
		return Answer{v1alpha1.ImageMissing, "the registry has no such tag"}
	case isDenied(err):
		return Answer{v1alpha1.ImageUnauthorized, err.Error()}
	case isResponse:
		return Answer{v1alpha1.ImageUnknown, response.Error()}
	case isUnanswered(err):
		return Answer{v1alpha1.ImageUnreachable, err.Error()}
	default:
		return Answer{v1alpha1.ImageUnknown, err.Error()}
	}
}

// isDenied says whether credentials are missing, wrong or not enough.
func isDenied(err error) bool {
	response, isResponse := errors.AsType[*errcode.ErrorResponse](err)
	return errors.Is(err, auth.ErrBasicCredentialNotFound) ||
		isResponse && (response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden)
}

// isUnanswered says whether no answer came: the client's own errors are about addresses,
// connections and time.
func isUnanswered(err error) bool {
	_, isRequest := errors.AsType[*url.Error](err)
	return isRequest
}
