package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
)

// builds counts builds: no two are the same.
var builds atomic.Int32 //nolint:gochecknoglobals // of all registries

// Push builds an image for one platform and pushes it with all tags.
func (r *Registry) Push(ctx context.Context, image string, tags ...string) (ocispec.Descriptor, error) {
	store := memory.New()
	built, err := build(ctx, store, "amd64")
	if err != nil {
		return built, err
	}
	return built, r.upload(ctx, store, built, image, tags...)
}

// PushIndex builds an image for two platforms and pushes it with all tags.
func (r *Registry) PushIndex(ctx context.Context, image string, tags ...string) (index ocispec.Descriptor, children []ocispec.Descriptor, err error) {
	store := memory.New()
	for _, architecture := range []string{"amd64", "arm64"} {
		child, err := build(ctx, store, architecture)
		if err != nil {
			return index, nil, err
		}
		children = append(children, child)
	}
	index, err = pack(ctx, store, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children,
	})
	if err != nil {
		return index, nil, err
	}
	return index, children, r.upload(ctx, store, index, image, tags...)
}

// PushArtifact pushes an archive that is no image.
func (r *Registry) PushArtifact(ctx context.Context, name, tag, configType string, config any, contentType string, content []byte) error {
	store := memory.New()
	layer, err := oras.PushBytes(ctx, store, contentType, content)
	if err != nil {
		return err
	}
	packed, err := pack(ctx, store, configType, config)
	if err != nil {
		return err
	}
	manifest, err := packManifest(ctx, store, packed, layer)
	if err != nil {
		return err
	}
	return r.upload(ctx, store, manifest, name, tag)
}

func build(ctx context.Context, store *memory.Store, architecture string) (manifest ocispec.Descriptor, err error) {
	number := builds.Add(1)
	platform := ocispec.Platform{OS: "linux", Architecture: architecture}
	config, err := pack(ctx, store, ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: platform, RootFS: ocispec.RootFS{Type: "layers"},
		Config: ocispec.ImageConfig{Labels: map[string]string{"build": fmt.Sprint(number)}},
	})
	if err != nil {
		return manifest, err
	}
	layer, err := pack(ctx, store, ocispec.MediaTypeImageLayer, fmt.Sprint("the files of build ", number))
	if err != nil {
		return manifest, err
	}
	manifest, err = packManifest(ctx, store, config, layer)
	manifest.Platform = &platform
	return manifest, err
}

func packManifest(ctx context.Context, store *memory.Store, config, layer ocispec.Descriptor) (ocispec.Descriptor, error) {
	return pack(ctx, store, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
}

func pack(ctx context.Context, store *memory.Store, mediaType string, what any) (ocispec.Descriptor, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return oras.PushBytes(ctx, store, mediaType, text)
}

func (r *Registry) upload(ctx context.Context, store *memory.Store, root ocispec.Descriptor, image string, tags ...string) error {
	repository, err := r.Repository(image)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if err := store.Tag(ctx, root, tag); err != nil {
			return err
		}
		if _, err := oras.Copy(ctx, store, tag, repository, tag, oras.DefaultCopyOptions); err != nil {
			return fmt.Errorf("pushing %s:%s: %w", image, tag, err)
		}
	}
	return nil
}
