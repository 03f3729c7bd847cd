// Command image makes the container image of pinsync's binaries for several platforms, without Docker,
// and pushes it to a registry.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// options are the flags.
type options struct {
	image, layout, binaries, platforms string
	version, revision, created         string
	plainHTTP                          bool
}

func main() {
	var o options
	flag.StringVar(&o.image, "image", "", "push to this image, host/path:tag, with the credentials of Docker's configuration")
	flag.StringVar(&o.layout, "layout", "", "write an OCI layout to this folder instead of a push")
	flag.StringVar(&o.binaries, "binaries", "dist", "folder of the binaries pinsync-OS-ARCHITECTURE and their SBOMs *.cdx.json")
	flag.StringVar(&o.platforms, "platforms", "linux/amd64,linux/arm64", "platforms of the image")
	flag.StringVar(&o.version, "version", "", "version, for the labels")
	flag.StringVar(&o.revision, "revision", "", "commit, for the labels")
	flag.StringVar(&o.created, "created", "", "time of the commit (RFC 3339), for the labels")
	flag.BoolVar(&o.plainHTTP, "plain-http", false, "push to a registry without TLS")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be stopped
	}
}

// run makes the image and writes it to its place.
func run(ctx context.Context, o *options) error {
	created, err := time.Parse(time.RFC3339, o.created)
	if err != nil {
		return fmt.Errorf("-created %q: want a time such as 2006-01-02T15:04:05Z", o.created)
	}
	name, tag, target, err := o.target()
	if err != nil {
		return err
	}
	b := &builder{store: memory.New(), created: created.UTC(), labels: map[string]string{
		ocispec.AnnotationTitle:    "pinsync",
		ocispec.AnnotationSource:   "https://git.oleks.space/oleks/pinsync",
		ocispec.AnnotationLicenses: "Apache-2.0",
		ocispec.AnnotationVersion:  o.version,
		ocispec.AnnotationRevision: o.revision,
		ocispec.AnnotationCreated:  created.UTC().Format(time.RFC3339),
	}}
	for platform := range strings.SplitSeq(o.platforms, ",") {
		system, architecture, ok := strings.Cut(platform, "/")
		if !ok {
			return fmt.Errorf("-platforms %q: want OS/ARCHITECTURE, separated by commas", o.platforms)
		}
		binary := filepath.Join(o.binaries, "pinsync-"+system+"-"+architecture)
		if err := b.add(ctx, ocispec.Platform{OS: system, Architecture: architecture}, binary); err != nil {
			return err
		}
	}
	index, err := b.index(ctx)
	if err != nil {
		return err
	}
	if err := b.store.Tag(ctx, index, tag); err != nil {
		return err
	}
	if _, err := oras.Copy(ctx, b.store, tag, target, tag, oras.DefaultCopyOptions); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, sbom := range b.sboms {
		if err := oras.CopyGraph(ctx, b.store, target, sbom, oras.DefaultCopyGraphOptions); err != nil {
			return fmt.Errorf("%s: the SBOM: %w", name, err)
		}
	}
	fmt.Printf("%s:%s@%s\n", name, tag, index.Digest)
	return nil
}

// target returns the place of the image, by its name and its tag.
func (o *options) target() (name, tag string, target oras.Target, err error) {
	if (o.image == "") == (o.layout == "") {
		return "", "", nil, fmt.Errorf("-image %q and -layout %q: want one of them", o.image, o.layout)
	}
	if o.layout != "" {
		store, err := oci.New(o.layout)
		return o.layout, o.version, store, err
	}
	repository, err := remote.NewRepository(o.image)
	if err != nil {
		return "", "", nil, fmt.Errorf("-image %q: %w", o.image, err)
	}
	reference := repository.Reference
	if err := reference.ValidateReferenceAsTag(); err != nil {
		return "", "", nil, fmt.Errorf("-image %q: want a tag: %w", o.image, err)
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return "", "", nil, fmt.Errorf("reading Docker's configuration: %w", err)
	}
	repository.PlainHTTP = o.plainHTTP
	repository.Client = &auth.Client{Credential: credentials.Credential(store)}
	return reference.Registry + "/" + reference.Repository, reference.Reference, repository, nil
}
