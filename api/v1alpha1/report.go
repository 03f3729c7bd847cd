package v1alpha1

// PinReportKind is the kind of the report.
const PinReportKind = "PinReport"

// PinReport describes why each pin is in the list, and what every protected release needs.
// Its lists are sorted and never null.
type PinReport struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// List identifies the list that the report belongs to; null in a report that `pinsync
	// plan` prints, and in the further objects of a large report.
	List *ListReference `json:"list,omitempty"`
	// Protects is which releases the list has the tags of, as the configuration's releases:
	// Suspended or All. It is empty in a report of a version that did not have it: then it is
	// not known, and a reader must assume Suspended.
	Protects string    `json:"protects,omitempty"`
	Pins     []Pin     `json:"pins"`
	Releases []Release `json:"releases"`
	// Unprotected are the releases that the list does not have the tags of, by namespace; null in a
	// report that `pinsync plan` prints, and in a report of an earlier version. A namespace with very
	// many has several entries.
	Unprotected []UnprotectedReleases `json:"unprotected,omitzero"`
	// OwnersUnknown is set if the list or its report was missing, damaged or not of the same
	// plan when pinsync began to keep it. Until all releases that refer to the pins were
	// found, suspended or not, no pin is removed.
	OwnersUnknown bool `json:"ownersUnknown,omitempty"`
	// Problems are those of no release in particular.
	Problems []Problem `json:"problems"`
	// Configuration is what the controller uses, with its defaults filled in; null in a report
	// that `pinsync plan` prints, in the further objects of a large report, and in a report of an
	// earlier version.
	Configuration *Configuration `json:"configuration,omitempty"`
}

// ListReference identifies a list.
type ListReference struct {
	// Checksum is "sha256:" and the hex digest of the list's pins, as PinsKey has them: of
	// all of its objects together, sorted.
	Checksum string `json:"checksum"`
	// Plan is the value of the list's PlanAnnotation.
	Plan string `json:"plan"`
}

// PinState is why a pin is in the list.
type PinState string

const (
	// PinNeeded is the state of a pin that a protected release refers to.
	PinNeeded PinState = "Needed"
	// PinHeld is the state of a pin that was needed before and may not be removed yet.
	PinHeld PinState = "Held"
)

// Pin is one image tag that a cleaner must keep. Images of two registries can have the same
// pin: then there is an entry for each.
type Pin struct {
	// Pin is the line of the list: container/cms-plugins==staging.
	Pin string `json:"pin"`
	// Image is the image that it stands for: git.oleks.space/oleks/cms-plugins:staging. Of a chart in a
	// classic Helm repository it is helm://git.oleks.space/oleks/cms-plugins:1.0.0.
	Image string   `json:"image"`
	State PinState `json:"state"`
	// NeededBy are the releases that need it, as Kind/namespace/name.
	NeededBy []string `json:"neededBy"`
	// Via is where the tag was found: fields of the releases, then policies.
	Via []string `json:"via"`
	// Digests are those that releases name beside the tag, sorted: what a resume pulls.
	Digests []string `json:"digests,omitempty"`
	// HeldSince is since when no release needs a held pin any more: RFC 3339, UTC.
	HeldSince *string `json:"heldSince"`
	// HeldBecause is what a held pin waits for.
	HeldBecause *string `json:"heldBecause"`
	// HeldFor are the owners: the releases that needed it and do not now. It stays until
	// each of them has been safe without it for the whole of the configured grace.
	HeldFor []Hold `json:"heldFor,omitempty"`
}

// Hold keeps a pin for an owner that does not need it any more.
type Hold struct {
	// Owner is the release, as Kind/namespace/name, or UnknownOwner, or OtherOwners.
	Owner string `json:"owner"`
	// SafeSince is since when, without interruption, the owner has been proven live, or has done
	// without the pin: RFC 3339, UTC; null while it is not safe.
	SafeSince *string `json:"safeSince"`
	// Live is set if the owner is safe because it is proven live; else it was deleted or
	// disabled, or is suspended and has another tag of the image. The time begins again when
	// one becomes the other.
	Live bool `json:"live,omitempty"`
}

const (
	// UnknownOwner stands for the release that needed a pin where none is known.
	UnknownOwner = "*"
	// OtherOwners stands for releases that may have needed a pin besides those that are
	// known: what was recorded of them was lost.
	OtherOwners = "+"
)

// ReleaseState is why a release is protected.
type ReleaseState string

const (
	// ReleaseSuspended is the state of a release that Flux does not reconcile.
	ReleaseSuspended ReleaseState = "Suspended"
	// ReleaseResuming is the state of a release that was suspended, is not any more, and
	// for which pins are still held, or which had none and is not Ready yet.
	ReleaseResuming ReleaseState = "Resuming"
	// ReleaseLive is the state of a release that is not suspended, where the configuration
	// protects those too.
	ReleaseLive ReleaseState = "Live"
)

// Release is a release that is protected, or for which pins are held.
type Release struct {
	// Kind is HelmRelease.
	Kind      string       `json:"kind"`
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	State     ReleaseState `json:"state"`
	// Policies are the ImagePolicies linked to it, as namespace/name.
	Policies []string `json:"policies"`
	// Pins are the lines of the list that it needs, or that are held for it.
	Pins []string `json:"pins"`
	// Ran are those of its pins that it ran when it was suspended, as far as its values and its
	// workloads show it: they stay until it is proven live on something else. It is null in a
	// report of a version that did not know them.
	Ran []string `json:"ran"`
	// Live are the pins of a resuming release that it refers to, and does not need any more,
	// because it is proven live on them.
	Live []string `json:"live,omitempty"`
	// Chart is what the release's chart names; null where it was not rendered.
	Chart *ReleaseChart `json:"chart,omitempty"`
	// Problems are what may keep a tag of the release out of the list.
	Problems []Problem `json:"problems"`
}

// UnprotectedReleases are the names of a namespace's releases that are not protected, sorted.
type UnprotectedReleases struct {
	Namespace string `json:"namespace"`
	// Live are those that are not suspended, and ready. They show that a list without their tags is right;
	// pins may still be held for some.
	Live []string `json:"live,omitempty"`
	// Disabled are those that are suspended, and disabled by an annotation or by namespaceDefault.
	Disabled []string `json:"disabled,omitempty"`
}

// ReleaseChart is what was found in the chart of a release.
type ReleaseChart struct {
	// Source is the object that the chart was taken from, as `Kind namespace/name`, and Revision its
	// artifact's.
	Source   string `json:"source"`
	Revision string `json:"revision"`
	// Inputs is a digest of everything that the images depend on: as long as it is the same, the chart
	// is not rendered again. It is empty if the images are not listed here.
	Inputs string `json:"inputs,omitempty"`
	// Images are those that the chart names, in order, and Unused are images of the values without a
	// tag or a repository that it does not use.
	Images []ChartImage `json:"images,omitempty"`
	Unused []string     `json:"unused,omitempty"`
}

// ChartImage is an image that a chart names.
type ChartImage struct {
	// Image is the image in full. RegistryAssumed is set if the manifest names no registry, and
	// TagAssumed if it names no tag.
	Image           string `json:"image"`
	RegistryAssumed bool   `json:"registryAssumed,omitempty"`
	TagAssumed      bool   `json:"tagAssumed,omitempty"`
	// Via is where in the manifests, as it is in a pin's via.
	Via string `json:"via"`
}

// Problem is something that may have to be corrected.
type Problem struct {
	// Reason is one of the constants below, for programs.
	Reason Reason `json:"reason"`

	// Object is what the problem is about, as `Kind name` or
	// `Kind namespace/name`; empty where it is the release that lists it.
	Object string `json:"object,omitempty"`

	// Field is where in the object, where it is one field.
	Field string `json:"field,omitempty"`

	// Message describes what is wrong and what would be right, for people.
	Message string `json:"message"`
}

// Reason is a kind of problem.
type Reason string

const (
	// ReasonNoPin means that a protected release has no pin.
	ReasonNoPin Reason = "NoPin"

	// ReasonNoTag means that an image has neither a tag nor a policy that names one, or that has its digest.
	ReasonNoTag Reason = "NoTag"

	// ReasonNoRepository means that a tag stands alone, without a repository.
	ReasonNoRepository Reason = "NoRepository"

	// ReasonInvalidReference means that a field that should name an image does not.
	ReasonInvalidReference Reason = "InvalidReference"

	// ReasonInvalidValues means that the release's values cannot be read in full.
	ReasonInvalidValues Reason = "InvalidValues"

	// ReasonOverBudget means that something of a release is larger than what pinsync reads of one: it
	// keeps the pins that it had.
	ReasonOverBudget Reason = "OverBudget"

	// ReasonInvalidObject means that a field of an object has another type than its kind has there.
	ReasonInvalidObject Reason = "InvalidObject"

	// ReasonValuesNotRead means that pinsync does not read an object that values come from, or
	// a field below a key for secrets that looks like an image.
	ReasonValuesNotRead Reason = "ValuesNotRead"

	// ReasonChartNotRead means that the release's chart is not known, so that images may be missing that
	// only the chart names.
	ReasonChartNotRead Reason = "ChartNotRead"

	// ReasonChartNotRendered means that the release's chart could not be rendered, or not in full, so
	// that images may be missing that only the chart names.
	ReasonChartNotRendered Reason = "ChartNotRendered"

	// ReasonOutsideRegistries means that images are at registries that the configuration does not
	// include: none of their tags is pinned.
	ReasonOutsideRegistries Reason = "OutsideRegistries"

	// ReasonRegistryAssumed means that an image names no registry, and is pinned as if it were at a
	// configured one.
	ReasonRegistryAssumed Reason = "RegistryAssumed"

	// ReasonRegistryMoved means that a policy is linked whose image is at another registry than the
	// values name, under the same path.
	ReasonRegistryMoved Reason = "RegistryMoved"

	// ReasonPolicyNotReady means that a linked policy has resolved a tag, and is not ready.
	ReasonPolicyNotReady Reason = "PolicyNotReady"

	// ReasonPolicyUnresolved means that a linked policy names no tag, neither resolved nor literally.
	ReasonPolicyUnresolved Reason = "PolicyUnresolved"

	// ReasonPolicyNeverResolved means that a linked policy is not ready and has not resolved a tag yet:
	// the tags that its pattern names literally are pinned.
	ReasonPolicyNeverResolved Reason = "PolicyNeverResolved"

	// ReasonPolicyWithoutImage means that a policy's ImageRepository does not exist or names no image,
	// so that no release can be linked to it.
	ReasonPolicyWithoutImage Reason = "PolicyWithoutImage"

	// ReasonPolicyNotFound means that the release's annotation names a policy that does not exist.
	ReasonPolicyNotFound Reason = "PolicyNotFound"

	// ReasonTagsLeftOut means that ImagePolicies of a namespace on which the release does not rely name more tags
	// than such policies may add.
	ReasonTagsLeftOut Reason = "TagsLeftOut"

	// ReasonInvalidAnnotation means that an annotation of pinsync has a value that it does not take, or a
	// name that pinsync does not have.
	ReasonInvalidAnnotation Reason = "InvalidAnnotation"

	// ReasonLastTagKept means that a suspended release refers to no tag of an image any more: the
	// tags of it that were pinned last stay.
	ReasonLastTagKept Reason = "LastTagKept"

	// ReasonProofNotTraced means that it is not known of the pods that prove a release live to
	// which release they belong.
	ReasonProofNotTraced Reason = "ProofNotTraced"

	// ReasonRemoteCluster means that a release runs on another cluster, whose pods pinsync does not
	// see, so they cannot prove that it is live.
	ReasonRemoteCluster Reason = "RemoteCluster"

	// ReasonWorkloadsNotRead means that pinsync may not read Deployments and the like.
	ReasonWorkloadsNotRead Reason = "WorkloadsNotRead"

	// ReasonRanUnknown means that it is not known in full what a release ran, because its target namespace has
	// too many workloads, or these take too long to be read.
	ReasonRanUnknown Reason = "RanUnknown"

	// ReasonPodsNotRead means that the pods of a namespace could not be read, so that nothing proves a release
	// live there.
	ReasonPodsNotRead Reason = "PodsNotRead"

	// ReasonReportTruncated means that the report is too large to be kept in full.
	ReasonReportTruncated Reason = "ReportTruncated"

	// ReasonKindNotServed means that the cluster does not serve one of Flux's kinds.
	ReasonKindNotServed Reason = "KindNotServed"

	// ReasonMoreProblems means that there are more problems than are listed.
	ReasonMoreProblems Reason = "MoreProblems"

	// ReasonReadFailed means that a read failed, so that the list is not complete.
	ReasonReadFailed Reason = "ReadFailed"
)
