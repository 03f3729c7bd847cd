// Package pin decides which image tags a registry cleaner must keep. It is pure: the state
// of the cluster comes in as a Snapshot, the time included, and the decision goes out as a
// report. Equal snapshots give equal reports, byte for byte, whatever the order of their
// lists.
//
// The decision has two stages. The first (needs.go, needed.go) computes what the protected
// releases need. The second (require.go, owners.go, proof.go, hold.go) decides which of the
// pins that were listed before, and that no release needs any more, may be removed.
// planner.go runs both, and report.go puts their results together.
package pin

import (
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Snapshot is the cluster at one moment, as far as pins depend on it.
type Snapshot struct {
	Namespaces   []Namespace
	Policies     []link.Policy
	Repositories []link.Repository

	// Releases are those that are protected and those that Requirements wants for the same
	// Memory: one that is wanted and missing counts as deleted. Others may be among them,
	// and change nothing.
	Releases []Release

	// Notes are problems met while the snapshot was taken that do not make it incomplete.
	Notes []v1alpha1.Problem

	// FailedReads are the reads that failed. While there is one, no pin of Memory is removed.
	FailedReads []v1alpha1.Problem

	// Memory is what the last list and its report said.
	Memory Memory

	// AllReleases is set where the images of all releases are there, not only those of the
	// releases that are protected or own a pin.
	AllReleases bool

	// Pods are those of the namespaces that Requirements.Namespaces returns, as far as they
	// were read.
	Pods map[string]PodView

	// Confirmed are the releases that were read from the API server itself, or were not
	// found there: a cache may be behind. If there are any, everything but the other
	// releases was read from the API server, too.
	Confirmed map[object.ID]bool

	// Taken is when the snapshot was taken, and Since is since when the cluster has been
	// observed without interruption.
	Taken, Since time.Time
}

// Complete reports whether every read succeeded.
func (s *Snapshot) Complete() bool {
	return len(s.FailedReads) == 0
}

// Namespace is a Namespace.
type Namespace struct {
	Name, UID string
	// Sync is the value of the sync annotation, nil without it.
	Sync *string
}

// Release is a HelmRelease.
type Release struct {
	object.ID
	Inputs
	Suspended bool
	// Ready is set if its Ready condition is true at its current generation.
	Ready bool
	// TargetNamespace is where its pods are, unless RemoteCluster is set: then they are on a
	// cluster that pinsync does not see.
	TargetNamespace string
	RemoteCluster   bool
	// Sync is the value of the sync annotation, nil without it.
	Sync *string
}

// Inputs are everything of a release that decides what it needs. They are comparable: what
// a release needs is computed again when one of them changes, and from nothing else.
type Inputs struct {
	// Images are what was found in its values and post-renderers; nil before anybody looked.
	Images *ReleaseImages
	// Policies is the value of the annotation that names policies to link.
	Policies string
	// ReleaseName is the Helm release's name; empty where it is the default.
	ReleaseName string
	// Chart is the last part of the chart's name.
	Chart string
}

// ReleaseImages are the images that were found in a release. They are never changed: an
// equal pointer means equal images.
type ReleaseImages struct {
	Mentions []image.Mention
	// Unknown is set if the values could not be read in full: then the release keeps the
	// pins that it had.
	Unknown bool
	// Problems were met while the values were put together and searched.
	Problems []v1alpha1.Problem
}

// FindImages searches the parts of a release for images.
func FindImages(parts []ReleasePart) *ReleaseImages {
	found := &ReleaseImages{}
	for _, part := range parts {
		mentions, problems := image.Find(part.Value, part.Path)
		found.Mentions = append(found.Mentions, mentions...)
		found.Problems = append(found.Problems, problems...)
	}
	return found
}

// ReleasePart is a part of a release that may name images.
type ReleasePart struct {
	// Path is where it stands in the release: spec.values.
	Path string
	// Value is what encoding/json decodes, numbers as json.Number.
	Value any
}
