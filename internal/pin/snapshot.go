// Package pin decides which image tags a registry cleaner must keep. It is pure:
// what it needs to know of the cluster comes in as a Snapshot, the time included,
// and what it decides goes out as a report. Equal snapshots give equal reports,
// byte for byte, in whatever order their lists are.
package pin

import (
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// Name identifies a namespaced object.
type Name struct {
	Namespace, Name string
}

// String returns namespace/name.
func (n Name) String() string {
	return n.Namespace + "/" + n.Name
}

// name is the name of what has one.
func (n Name) name() Name { return n }

// nameOf is the name that namespace/name says.
func nameOf(s string) Name {
	namespace, name, _ := strings.Cut(s, "/")
	return Name{namespace, name}
}

// Snapshot is the cluster at one moment, as far as pins depend on it.
type Snapshot struct {
	Namespaces   []Namespace
	Policies     []Policy
	Repositories []Repository

	// Releases are those that are protected and those that Questions wants, asked of the same
	// Memory: one that is wanted and not here counts as deleted. Others may be among them, and
	// change nothing.
	Releases []Release

	// Notes are problems met while the snapshot was taken that do not make it
	// incomplete.
	Notes []v1alpha1.Problem

	// Unanswered are the reads that got no answer. As long as there is one,
	// nothing that Memory lists is let go.
	Unanswered []v1alpha1.Problem

	// Memory is what the last list said.
	Memory Memory

	// Everyone says that the contents of all releases are there, not only of those
	// that are protected or that pins are held for.
	Everyone bool

	// Pods are those of the namespaces that Namespaces asks for, as far as they
	// were looked at.
	Pods map[string]View

	// Confirmed are the releases, as namespace/name, that were read from the API
	// server itself, or are known from it not to exist: a cache may be behind. If
	// there are any, so was everything but the other releases.
	Confirmed map[string]bool

	// Taken is when the snapshot was taken, and Since is since when the cluster has
	// been watched without a break.
	Taken, Since time.Time
}

// Complete says whether every read got an answer.
func (s *Snapshot) Complete() bool {
	return len(s.Unanswered) == 0
}

// Namespace is a Namespace.
type Namespace struct {
	Name, UID string
	// Sync is the value of the sync annotation, nil without it.
	Sync *string
}

// Release is a HelmRelease.
type Release struct {
	Name
	Suspended bool
	// Ready says that its Ready condition is true at its current generation.
	Ready bool
	// TargetNamespace is where its pods are, unless OtherCluster says that they are
	// on a cluster that is not seen here.
	TargetNamespace string
	OtherCluster    bool
	// ReleaseName is the Helm release's name; empty where it is the default.
	ReleaseName string
	// Chart is the last part of the chart's name.
	Chart string
	// Sync is the value of the sync annotation, nil without it.
	Sync *string
	// Found is what was found in its contents: the effective values, and what its
	// post-renderers write. Nil, nobody has looked.
	Found *Found
	// Policies is the value of the annotation that names policies to link.
	Policies string
}

// Found is what was found in a release. It is never changed: who sees the same pointer
// again need not look again.
type Found struct {
	// Mentions are the images that are named.
	Mentions []image.Mention
	// Unknown says that the contents could not be had in full: then the release
	// keeps the pins that it had.
	Unknown bool
	// Problems were met while the contents were put together and looked through.
	Problems []v1alpha1.Problem
}

// Find looks for images in a release's contents.
func Find(contents []Content) *Found {
	found := &Found{}
	for _, content := range contents {
		mentions, problems := image.Find(content.Value, content.Path)
		found.Mentions = append(found.Mentions, mentions...)
		found.Problems = append(found.Problems, problems...)
	}
	return found
}

// Content is a part of a release that may name images.
type Content struct {
	// Path is where it stands in the release: spec.values.
	Path string
	// Value is what encoding/json decodes, numbers as json.Number.
	Value any
}

// Policy is an ImagePolicy.
type Policy struct {
	Name
	// Repository is the ImageRepository that it chooses from.
	Repository Name
	Rules      policy.Rules
	// LatestImage and LatestTag are what it last resolved to; empty before it
	// did. They stay when the tag vanishes from the registry.
	LatestImage, LatestTag string
	// NotReady is the message of its Ready condition where that is false.
	NotReady string
}

// Repository is an ImageRepository.
type Repository struct {
	Name
	// Image is what it scans: git.oleks.space/oleks/cms-plugins.
	Image string
}
