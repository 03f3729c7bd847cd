package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// maxIndex is how large an index is read: what registries take as a manifest, 4 MiB.
const maxIndex = 4 << 20

// look asks for a tag, and for the child manifests of an index.
func look(ctx context.Context, repository *remote.Repository, tag string) (Answer, error) {
	found, err := resolve(ctx, repository, tag)
	if err != nil {
		return Answer{}, err
	}
	if isIndex(found.MediaType) {
		return children(ctx, repository, found)
	}
	return Answer{Status: v1alpha1.ImagePresent}, nil
}

// children asks for every child manifest of an index that a pull needs.
func children(ctx context.Context, repository *remote.Repository, found ocispec.Descriptor) (Answer, error) {
	index, err := readIndex(ctx, repository, found)
	switch {
	case isMissing(err):
		return Answer{v1alpha1.ImageIncomplete, "its index is not there: " + found.Digest.String()}, nil
	case err != nil:
		return Answer{}, fmt.Errorf("reading its index: %w", err)
	}
	for i := range index.Manifests {
		child := &index.Manifests[i]
		if isAttestation(child) {
			continue
		}
		_, err := resolve(ctx, repository, child.Digest.String())
		switch {
		case isMissing(err):
			return Answer{v1alpha1.ImageIncomplete, fmt.Sprintf("its index has a child manifest that is not there: %s%s",
				child.Digest, platform(child))}, nil
		case err != nil:
			return Answer{}, fmt.Errorf("asking for child manifest %s: %w", child.Digest, err)
		}
	}
	return Answer{Status: v1alpha1.ImagePresent}, nil
}

// isAttestation says whether a child manifest says something of the others, as BuildKit
// adds them: images are pulled without it.
func isAttestation(child *ocispec.Descriptor) bool {
	return child.Annotations["vnd.docker.reference.type"] != "" ||
		child.Platform != nil && child.Platform.OS == "unknown" && child.Platform.Architecture == "unknown"
}

func platform(child *ocispec.Descriptor) string {
	if child.Platform == nil {
		return ""
	}
	return " for " + child.Platform.OS + "/" + child.Platform.Architecture
}

func readIndex(ctx context.Context, repository *remote.Repository, found ocispec.Descriptor) (*ocispec.Index, error) {
	if found.Size > maxIndex {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that a registry takes", found.Size, maxIndex)
	}
	body, err := repository.Fetch(ctx, found)
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return nil, lost(ctx, repository, found)
	case err != nil:
		return nil, err
	}
	defer body.Close() //nolint:errcheck // nothing was written
	index := &ocispec.Index{}
	if err := json.NewDecoder(io.LimitReader(body, maxIndex)).Decode(index); err != nil {
		return nil, err
	}
	return index, nil
}

// lost is the error of an index whose tag was found, but which is not there itself: a 404
// only where it is answered again, and confirmed.
func lost(ctx context.Context, repository *remote.Repository, found ocispec.Descriptor) error {
	if _, err := resolve(ctx, repository, found.Digest.String()); err != nil {
		return err
	}
	return fmt.Errorf("for %s it answers 404 at one time and not at another", found.Digest)
}
