package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/crypto/x509roots/fallback/bundle"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
)

// user is who runs the program: a number, so that Kubernetes sees that it is not root.
const user = "65532:65532"

// builder makes the images of one program for several platforms, and their SBOMs. The same input makes
// the same images.
type builder struct {
	store   *memory.Store
	created time.Time
	labels  map[string]string
	images  []ocispec.Descriptor
	// sboms are artifacts whose subject is the image of their platform.
	sboms []ocispec.Descriptor
}

// add makes the image for a platform: the program and the certificates of public authorities, which
// `pinsync check` needs.
func (b *builder) add(ctx context.Context, platform ocispec.Platform, binary string) error {
	program, err := os.ReadFile(binary) //nolint:gosec // a file that the user names
	if err != nil {
		return err
	}
	archive, err := b.archive(program)
	if err != nil {
		return fmt.Errorf("packing %s: %w", binary, err)
	}
	layer, err := compressed(archive)
	if err != nil {
		return fmt.Errorf("packing %s: %w", binary, err)
	}
	layerIn, err := oras.PushBytes(ctx, b.store, ocispec.MediaTypeImageLayerGzip, layer)
	if err != nil {
		return err
	}
	configIn, err := b.push(ctx, ocispec.MediaTypeImageConfig, ocispec.Image{
		Created: &b.created, Platform: platform,
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(archive)}},
		Config: ocispec.ImageConfig{
			User: user, Entrypoint: []string{"/pinsync"}, WorkingDir: "/", Labels: b.labels,
			Env: []string{"PATH=/", "SSL_CERT_FILE=/" + certificatesFile},
		},
	})
	if err != nil {
		return err
	}
	image, err := b.push(ctx, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: configIn, Layers: []ocispec.Descriptor{layerIn}, Annotations: b.labels,
	})
	if err != nil {
		return err
	}
	image.Platform = &platform
	b.images = append(b.images, image)
	return b.addSBOM(ctx, image, binary+".cdx.json")
}

// sbomType is the media type of CycloneDX's JSON.
const sbomType = "application/vnd.cyclonedx+json"

// addSBOM makes the artifact of an image's SBOM, which registries list as a referrer of the image.
func (b *builder) addSBOM(ctx context.Context, image ocispec.Descriptor, file string) error {
	text, err := os.ReadFile(file) //nolint:gosec // beside a file that the user names
	if err != nil {
		return fmt.Errorf("the SBOM, which make binaries writes: %w", err)
	}
	layer, err := oras.PushBytes(ctx, b.store, sbomType, text)
	if err != nil {
		return err
	}
	sbom, err := oras.PackManifest(ctx, b.store, oras.PackManifestVersion1_1, sbomType, oras.PackManifestOptions{
		Subject: &image, Layers: []ocispec.Descriptor{layer}, ManifestAnnotations: b.labels,
	})
	b.sboms = append(b.sboms, sbom)
	return err
}

// index makes the index of all images.
func (b *builder) index(ctx context.Context) (ocispec.Descriptor, error) {
	return b.push(ctx, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: b.images, Annotations: b.labels,
	})
}

func (b *builder) push(ctx context.Context, mediaType string, content any) (ocispec.Descriptor, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return oras.PushBytes(ctx, b.store, mediaType, text)
}

// certificatesFile has the certificates of public authorities.
const certificatesFile = "etc/ssl/certs/ca-certificates.crt"

// archive returns the files of the image.
func (b *builder) archive(program []byte) ([]byte, error) {
	var certificates bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil { // a file cannot have it
			if err := pem.Encode(&certificates, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
				return nil, err
			}
		}
	}
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, file := range []struct {
		name    string
		mode    int64
		content []byte
	}{
		{"etc/", 0o755, nil},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{certificatesFile, 0o644, certificates.Bytes()},
		{"pinsync", 0o755, program},
	} {
		header := &tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.content)), ModTime: b.created, Format: tar.FormatPAX}
		if file.content == nil {
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.content); err != nil {
			return nil, err
		}
	}
	err := writer.Close()
	return archive.Bytes(), err
}

func compressed(content []byte) ([]byte, error) {
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	err := writer.Close()
	return buffer.Bytes(), err
}
