package v1alpha1

// RegistryCheckKind is the kind of what `pinsync check -o json` prints.
const RegistryCheckKind = "RegistryCheck"

// RegistryCheck says of every needed image whether its registry has it.
type RegistryCheck struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Images     []CheckedImage `json:"images"`
}

// CheckedImage is an image that a release needs, and what its registry says of it.
type CheckedImage struct {
	// Image is host/path:tag, or empty where it is not known which image a pin stands for.
	Image string `json:"image"`

	// Pin is its line of the list.
	Pin string `json:"pin"`

	Status ImageStatus `json:"status"`

	// Message says more, where there is more to say.
	Message string `json:"message,omitempty"`

	// NeededBy are the releases that need it, as namespace/name.
	NeededBy []string `json:"neededBy"`
}

// ImageStatus is what a registry says of an image.
type ImageStatus string

const (
	// ImagePresent says that the tag is there, and of an index every child manifest.
	ImagePresent ImageStatus = "present"

	// ImageIncomplete says that the tag is there, but a child manifest of its index is not.
	ImageIncomplete ImageStatus = "incomplete"

	// ImageMissing says that the registry has said, and confirmed, that there is no such tag.
	ImageMissing ImageStatus = "missing"

	// ImageUnauthorized says that the registry does not tell with these credentials.
	ImageUnauthorized ImageStatus = "unauthorized"

	// ImageUnreachable says that the registry did not answer.
	ImageUnreachable ImageStatus = "unreachable"

	// ImageUnknown says that the registry's answer tells neither that the tag is there nor
	// that it is not.
	ImageUnknown ImageStatus = "unknown"
)
