package registry

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// The media types of manifests that only Docker or an older OCI specification names.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	ociArtifact    = "application/vnd.oci.artifact.manifest.v1+json"
)

func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == dockerIndex
}

func isManifest(mediaType string) bool {
	return isIndex(mediaType) || mediaType == ocispec.MediaTypeImageManifest || mediaType == dockerManifest || mediaType == ociArtifact
}

// resolve asks for a tag or a digest by HEAD, and by GET where the answer is none that can
// be believed: some proxies answer 404 to what they do not know, and some registries leave
// out what a client must know.
func resolve(ctx context.Context, repository *remote.Repository, reference string) (ocispec.Descriptor, error) {
	found, err := repository.Resolve(ctx, reference)
	if err == nil && isManifest(found.MediaType) || err != nil && isFinal(err) {
		return found, err
	}
	found, body, err := repository.FetchReference(ctx, reference)
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return found, confirm(ctx, repository, err)
	case err != nil:
		return found, err
	case !isManifest(found.MediaType):
		_ = body.Close() // nothing was written
		return found, fmt.Errorf("it answers with %s, which is not the type of a manifest", found.MediaType)
	default:
		return found, body.Close()
	}
}

// isFinal says whether the error of a HEAD is the answer. A GET could find more after a 404
// or a 200 that lacks something; after all else it would be refused, or be waited for, once
// more.
func isFinal(err error) bool {
	_, isResponse := errors.AsType[*errcode.ErrorResponse](err)
	_, isRequest := errors.AsType[*url.Error](err)
	return isResponse || isRequest || isDenied(err) || isUnanswered(err)
}

// errNotConfirmed is why a 404 is not believed.
var errNotConfirmed = errors.New("it answers 404, but not as a registry does")

// confirm returns the error of a 404, unless what answers is no registry: then its 404 says
// nothing.
func confirm(ctx context.Context, repository *remote.Repository, notFound error) error {
	registry := &remote.Registry{RepositoryOptions: remote.RepositoryOptions{
		Client: repository.Client, Reference: repository.Reference, PlainHTTP: repository.PlainHTTP,
	}}
	err := registry.Ping(ctx)
	switch {
	case err == nil || isDenied(err):
		return notFound
	case isUnanswered(err) || isOverloaded(err):
		return fmt.Errorf("it answers 404, and then, for its /v2/: %w", err)
	default:
		return fmt.Errorf("%w: its /v2/ says %w", errNotConfirmed, err)
	}
}
