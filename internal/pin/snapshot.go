// Package pin decides which image tags a registry cleaner must keep. It is pure: the state
// of the cluster comes in as a Snapshot, the time included, and the decision goes out as a
// report. Equal snapshots give equal reports, byte for byte, whatever the order of their
// lists, but for what a namespace has no room for: see budget.NamespacePins.
//
// The decision has two stages. The first (needs.go, needed.go, keep.go) computes what the protected
// releases need: what they refer to, and what suspended ones keep besides. The second (require.go,
// owners.go, proof.go, hold.go) decides which of the pins that were listed before, and that no
// release needs any more, may be removed. planner.go runs both, and report.go puts their results
// together.
package pin

import (
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
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
	// UnknownAnnotations are names of annotations that pinsync does not have, for people.
	UnknownAnnotations string
}
