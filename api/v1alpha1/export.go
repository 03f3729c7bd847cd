package v1alpha1

// PinExportKind is the kind of what `pinsync export --format json` prints.
const PinExportKind = "PinExport"

// PinExport is the union of lists, each of which was found whole, complete and fresh.
type PinExport struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// Lists are those that it was made of, and the static file.
	Lists []ExportedList `json:"lists"`

	// Pins are sorted and unique, those of a static file included.
	Pins []string `json:"pins"`

	// Images are the same as full references, but for those of a static file.
	Images []string `json:"images"`
}

// ExportedList is a list that was exported, or a static file.
type ExportedList struct {
	// Cluster is the API server that it was read from, as its URL; empty for a file.
	Cluster string `json:"cluster,omitempty"`

	Namespace string `json:"namespace,omitempty"`

	// Name is the list's name, or the file's.
	Name string `json:"name"`

	// SyncedAt is when the list was last known to be current: RFC 3339, UTC.
	SyncedAt string `json:"syncedAt,omitempty"`

	// Pins is how many it has.
	Pins int `json:"pins"`
}

// ExportStateKind is the kind of the file that `pinsync export --state` keeps.
const ExportStateKind = "ExportState"

// ExportState is what is noted of the last export that succeeded.
type ExportState struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// ExportedAt is when: RFC 3339, UTC.
	ExportedAt string `json:"exportedAt"`

	// Lists are those that it was made of.
	Lists []RecordedList `json:"lists"`
}

// RecordedList is a list that was exported, and what the next export is compared with.
type RecordedList struct {
	ExportedList `json:",inline"`

	// Namespaces are the numbers of pins by the namespaces of the releases that own them: that
	// need them, or that they are held for. A pin counts in each. It is empty if the report on
	// the list could not be read, and in a file of an earlier version.
	Namespaces map[string]int `json:"namespaces,omitempty"`

	// OwnersUnknown is how many pins are in none of them, because no owner is known.
	OwnersUnknown int `json:"ownersUnknown,omitempty"`

	// Owners are those of each pin, as the report has them. It is empty if the report could not be
	// read, and in a file of an earlier version.
	Owners map[string][]string `json:"owners,omitempty"`

	// EmptyAllowed is set if it was empty and that was accepted, until it has a pin.
	EmptyAllowed bool `json:"emptyAllowed,omitempty"`
}
