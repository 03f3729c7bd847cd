package v1alpha1

// Kinds of what `pinsync explain`, `status` and `why` print with -o json or yaml.
const (
	ReleaseExplanationKind = "ReleaseExplanation"
	PinStatusKind          = "PinStatus"
	PinExplanationKind     = "PinExplanation"
)

// ListState is a published list, and whether it may be relied on.
type ListState struct {
	// Cluster is the API server that it was read from, as its URL.
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`

	// SyncedAt is when it was last known to be current: RFC 3339, UTC.
	SyncedAt string `json:"syncedAt,omitempty"`

	// Age is how long ago that was by the API server's clock, or by this host's if AgeByHost is set,
	// as a Go duration.
	Age       string `json:"age,omitempty"`
	AgeByHost bool   `json:"ageByHost,omitempty"`

	// Pins is how many it has.
	Pins int `json:"pins"`

	// Doubt is why it must not be relied on; empty if it may be.
	Doubt string `json:"doubt,omitempty"`

	// ReportDoubt is what the report on it may lack.
	ReportDoubt string `json:"reportDoubt,omitempty"`
}

// ReleaseExplanation describes one release: its images, its pins, and whether a resume would work.
type ReleaseExplanation struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`

	// Summary describes in one line what the published list has for the release.
	Summary string `json:"summary"`

	Suspended bool `json:"suspended"`

	// Protected is set if its pins are in the list, or should be.
	Protected bool `json:"protected"`

	List ListState `json:"list"`

	// Images are those that were found in its values, sorted by path.
	Images []FoundImage `json:"images"`

	// Policies are those that are linked to it.
	Policies []LinkedPolicy `json:"policies"`

	// Pins are those that it needs, would need if it were suspended, or that are held for it.
	Pins []ReleasePin `json:"pins"`

	// Problems are those that are not among the reasons of Resume.
	Problems []Problem `json:"problems"`

	// Unread are the objects that could not be read, and why.
	Unread []string `json:"unread,omitempty"`

	// Checked are the answers of the registries, with --check.
	Checked []CheckedImage `json:"checked,omitempty"`

	Resume ResumeAnswer `json:"resume"`
}

// FoundImage is an image that a release names.
type FoundImage struct {
	// Path is where in the release.
	Path string `json:"path"`
	// Image is host/path:tag, or the part of it that is named.
	Image string `json:"image"`
	// Policies are the ImagePolicies that were linked, and LinkedBy is how they were found.
	Policies []string `json:"policies,omitempty"`
	LinkedBy string   `json:"linkedBy,omitempty"`
}

// LinkedPolicy is an ImagePolicy that is linked to a release.
type LinkedPolicy struct {
	// Name is namespace/name.
	Name string `json:"name"`
	// Latest is the image that it last resolved to; empty before it did, and if it could not be read.
	Latest string `json:"latest,omitempty"`
}

// ReleasePin is a pin of a release.
type ReleasePin struct {
	Pin string `json:"pin"`
	// Listed is whether the list has it: null if the list could not be read.
	Listed *bool `json:"listed"`
	// Entry is what the report has of the pin, whichever releases it is listed for; null if it names none.
	Entry *Pin `json:"entry,omitempty"`
}

// ResumeAnswer is whether a resume of a release would work now.
type ResumeAnswer struct {
	Verdict ResumeVerdict `json:"verdict"`
	// Reasons are why it would not, or why that is unknown.
	Reasons []string `json:"reasons"`
}

// ResumeVerdict is whether a resume would work.
type ResumeVerdict string

const (
	// ResumeWorks means that the registries have every tag that was found, and nothing in the cluster
	// blocks a resume.
	ResumeWorks ResumeVerdict = "Works"
	// ResumeBlocked means that a tag is missing, or an ImagePolicy is not ready.
	ResumeBlocked ResumeVerdict = "Blocked"
	// ResumeUnknown means that not everything could be checked.
	ResumeUnknown ResumeVerdict = "Unknown"
)

// PinStatus is what lists and their reports have, in short.
type PinStatus struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Lists      []ListStatus `json:"lists"`
}

// ListStatus is a list with what its report has.
type ListStatus struct {
	ListState `json:",inline"`

	// Configuration is what the controller uses; null in a report of an earlier version.
	Configuration *Configuration `json:"configuration,omitempty"`

	// Checked is what the last check that was recorded has found; null if there was none.
	Checked *RecordedCheck `json:"checked,omitempty"`

	Releases []ReleaseStatus `json:"releases"`

	// DisabledReleases are the suspended releases that an annotation or namespaceDefault disables, as
	// namespace/name.
	DisabledReleases []string `json:"disabledReleases,omitempty"`

	// Held are the pins that no release needs any more and that are not removed yet.
	Held []Pin `json:"held"`

	// Problems are those of no release in particular.
	Problems []Problem `json:"problems"`
}

// ReleaseStatus is how well a protected release is covered.
type ReleaseStatus struct {
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	State     ReleaseState `json:"state"`
	// Pins is how many of its pins the list has, and Missing how many it does not have.
	Pins    int `json:"pins"`
	Missing int `json:"missing,omitempty"`
	// MayLackTags is set if a problem means that a tag that it needs may not be known.
	MayLackTags bool      `json:"mayLackTags"`
	Problems    []Problem `json:"problems"`
}

// PinExplanation is why a pin is in the lists.
type PinExplanation struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Pins       []ListedPin `json:"pins"`
}

// ListedPin is a pin in a list.
type ListedPin struct {
	List ListState `json:"list"`
	Pin  `json:",inline"`
}
