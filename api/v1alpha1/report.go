package v1alpha1

// PinReportKind is the kind of the report.
const PinReportKind = "PinReport"

// PinReport says why each pin is in the list, and what every protected release
// yielded. Its lists are sorted and never null.
type PinReport struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Pins       []Pin     `json:"pins"`
	Releases   []Release `json:"releases"`

	// Forgotten says that the list, or this report in it, was missing or broken
	// when pinsync began to keep it. Until it was found out which releases refer
	// to the pins, suspended or not, no pin is let go.
	Forgotten bool `json:"forgotten,omitempty"`

	// Problems are those of no release in particular.
	Problems []Problem `json:"problems"`
}

// PinState is why a pin is in the list.
type PinState string

const (
	// PinNeeded is the state of a pin that a protected release refers to.
	PinNeeded PinState = "Needed"

	// PinHeld is the state of a pin that was needed before and is not yet
	// safe to let go.
	PinHeld PinState = "Held"
)

// Pin is one image tag that a cleaner must keep. Images of two registries can
// have the same pin: then there is an entry for each.
type Pin struct {
	// Pin is the line of the list: container/cms-plugins==staging.
	Pin string `json:"pin"`

	// Image is the image that it stands for:
	// git.oleks.space/oleks/cms-plugins:staging.
	Image string `json:"image"`

	State PinState `json:"state"`

	// NeededBy are the releases that need it, as namespace/name.
	NeededBy []string `json:"neededBy"`

	// Via is where the tag was found: fields of the releases, then policies.
	Via []string `json:"via"`

	// HeldSince is when a held pin was first not needed any more: RFC 3339, UTC.
	HeldSince *string `json:"heldSince"`

	// HeldBecause is what a held pin waits for.
	HeldBecause *string `json:"heldBecause"`

	// HeldFor are the releases that needed it and do not now. It stays until
	// every one of them has been safe for the whole of the configured grace.
	HeldFor []Hold `json:"heldFor,omitempty"`
}

// Hold is what keeps a pin after a release has ceased to need it.
type Hold struct {
	// Release is the release, as namespace/name, or HeldForUnknown.
	Release string `json:"release"`

	// SafeSince is since when, without interruption, the release has been shown to
	// be live or to do without the pin: RFC 3339, UTC; null while it is not.
	SafeSince *string `json:"safeSince"`

	// Live says that it is safe because it is live; else it is because it does
	// without the pin. The time begins anew when one becomes the other.
	Live bool `json:"live,omitempty"`
}

// HeldForUnknown stands for the release where it is not known who needed the pin.
const HeldForUnknown = "*"

// ReleaseState is why a release is protected.
type ReleaseState string

const (
	// ReleaseSuspended is the state of a release that Flux does not reconcile.
	ReleaseSuspended ReleaseState = "Suspended"

	// ReleaseResuming is the state of a release that was suspended, is not any more,
	// and for which pins are still held.
	ReleaseResuming ReleaseState = "Resuming"

	// ReleaseLive is the state of a release that is not suspended, where the
	// configuration protects those too.
	ReleaseLive ReleaseState = "Live"
)

// Release is a HelmRelease that is protected, or for which pins are held.
type Release struct {
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	State     ReleaseState `json:"state"`

	// Policies are the ImagePolicies linked to it, as namespace/name.
	Policies []string `json:"policies"`

	// Pins are the lines of the list that it needs, or that are held for it.
	Pins []string `json:"pins"`

	// Problems are what may keep a tag of the release out of the list.
	Problems []Problem `json:"problems"`
}

// Problem is something that somebody should look at.
type Problem struct {
	// Reason is one of the constants below, for programs.
	Reason Reason `json:"reason"`

	// Object is what the problem is about, as `Kind name` or
	// `Kind namespace/name`; empty where it is the release that lists it.
	Object string `json:"object,omitempty"`

	// Field is where in the object, where it is one field.
	Field string `json:"field,omitempty"`

	// Message says what is wrong and what would be right, for people.
	Message string `json:"message"`
}

// Reason is a kind of problem.
type Reason string

const (
	// ReasonNoPin says that a protected release yields no pin.
	ReasonNoPin Reason = "NoPin"

	// ReasonNoTag says that an image has neither a tag nor a policy that names
	// one.
	ReasonNoTag Reason = "NoTag"

	// ReasonNoRepository says that a tag stands alone, without a repository.
	ReasonNoRepository Reason = "NoRepository"

	// ReasonInvalidReference says that something that should name an image does
	// not.
	ReasonInvalidReference Reason = "InvalidReference"

	// ReasonInvalidValues says that the release's values are not an object.
	ReasonInvalidValues Reason = "InvalidValues"

	// ReasonValuesNotRead says that pinsync does not read a source of values.
	ReasonValuesNotRead Reason = "ValuesNotRead"

	// ReasonPolicyNotReady says that a linked policy is not ready.
	ReasonPolicyNotReady Reason = "PolicyNotReady"

	// ReasonPolicyUnresolved says that a linked policy names no tag, neither
	// resolved nor literally.
	ReasonPolicyUnresolved Reason = "PolicyUnresolved"

	// ReasonPolicyWithoutImage says that a policy's ImageRepository does not
	// exist or names no image, so that no release can be linked to it.
	ReasonPolicyWithoutImage Reason = "PolicyWithoutImage"

	// ReasonPolicyNotFound says that the release's annotation names a policy that
	// does not exist.
	ReasonPolicyNotFound Reason = "PolicyNotFound"

	// ReasonInvalidAnnotation says that an annotation of pinsync has a value
	// that it does not take.
	ReasonInvalidAnnotation Reason = "InvalidAnnotation"

	// ReasonOtherCluster says that a release runs on another cluster, where no pod
	// that could show it to be live is seen.
	ReasonOtherCluster Reason = "OtherCluster"

	// ReasonReportCut says that the report is too large to be kept in full.
	ReasonReportCut Reason = "ReportCut"

	// ReasonKindNotServed says that the cluster does not have one of Flux's
	// kinds.
	ReasonKindNotServed Reason = "KindNotServed"

	// ReasonMoreProblems says that there are more problems than are listed.
	ReasonMoreProblems Reason = "MoreProblems"

	// ReasonUnanswered says that a read got no answer, so that the list is not
	// complete.
	ReasonUnanswered Reason = "Unanswered"
)
