package v1alpha1

// RegistryCheckKind is the kind of what `pinsync check -o json` prints.
const RegistryCheckKind = "RegistryCheck"

// RegistryCheck has for every image of a list whether its registry has it.
type RegistryCheck struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Images     []CheckedImage `json:"images"`
}

// CheckedImage is an image that a release needs or that is held, and whether its registry has it.
type CheckedImage struct {
	// Image is host/path:tag, that of a chart as a Pin has it, or empty where it is not known which image a
	// pin stands for.
	Image string `json:"image"`

	// Pin is its line of the list.
	Pin string `json:"pin"`

	Status ImageStatus `json:"status"`

	// Message has details, if there are any.
	Message string `json:"message,omitempty"`

	// State is the state of its pin.
	State PinState `json:"state"`

	// NeededBy are the releases that need it, as Kind/namespace/name.
	NeededBy []string `json:"neededBy"`

	// HeldFor are those that may still need a held image: they are not proven live, and not known to do
	// without it. If there are none, it does not count as missing.
	HeldFor []string `json:"heldFor,omitempty"`
}

// RecordedCheck is what `pinsync check --record` has found last of a list.
type RecordedCheck struct {
	// At is when the list was read, by the API server's clock: RFC 3339, UTC.
	At string `json:"at"`

	// Age is how long ago that was, as a Go duration, and ListChanged is set if the list has another plan
	// now. Only `pinsync status` sets them.
	Age         string `json:"age,omitempty"`
	ListChanged bool   `json:"listChanged,omitempty"`

	// Plan identifies the plan of the list that was checked.
	Plan string `json:"plan,omitempty"`

	// Images is how many images were or may have been needed, Missing how many of them are missing or
	// incomplete, and Unchecked how many could not be checked.
	Images    int `json:"images"`
	Missing   int `json:"missing"`
	Unchecked int `json:"unchecked"`

	// MissingPins are the first pins of images that are missing or incomplete.
	MissingPins []string `json:"missingPins,omitempty"`
}

// ImageStatus is whether a registry has an image.
type ImageStatus string

const (
	// ImagePresent means that the tag exists, and of an index every child manifest.
	ImagePresent ImageStatus = "present"

	// ImageIncomplete means that the tag exists, but a child manifest of its index does not.
	ImageIncomplete ImageStatus = "incomplete"

	// ImageMissing means that the registry has answered, and confirmed, that there is no such tag.
	ImageMissing ImageStatus = "missing"

	// ImageUnauthorized means that the registry does not answer with these credentials.
	ImageUnauthorized ImageStatus = "unauthorized"

	// ImageUnreachable means that the registry did not answer.
	ImageUnreachable ImageStatus = "unreachable"

	// ImageUnknown means that the registry's answer shows neither that the tag exists nor that it does
	// not.
	ImageUnknown ImageStatus = "unknown"
)
