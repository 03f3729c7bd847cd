package pin

import (
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Options are what the configuration sets for pins.
type Options struct {
	// Registries are those whose images are pinned; none: every image is.
	Registries []Registry

	// NamespacesDisabled leaves out releases that no annotation enables.
	NamespacesDisabled bool

	// ProtectLive protects releases that are not suspended, too.
	ProtectLive bool

	// FloatingOnly pins only the tags that a policy follows.
	FloatingOnly bool

	// Grace is how long every owner of a pin must have been safe without it before the pin
	// is removed.
	Grace time.Duration

	// ReadyIsProof takes a release that is Ready as live, whatever pods run.
	ReadyIsProof bool
}

// protects returns which releases are protected, as a report has it.
func (o *Options) protects() string {
	if o.ProtectLive {
		return v1alpha1.ReleasesAll
	}
	return v1alpha1.ReleasesSuspended
}
