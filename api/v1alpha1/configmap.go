package v1alpha1

// Defaults of the object that the list is written to.
const (
	// DefaultNamespace is where the controller and its ConfigMap live unless
	// told otherwise.
	DefaultNamespace = "pinsync-system"

	// DefaultConfigMapName is the ConfigMap's name unless the configuration
	// names another.
	DefaultConfigMapName = "registry-pins"
)

// Data keys of the ConfigMap. Keys of other names are left as they are.
const (
	// PinsKey holds the pins, `type/name==version`, sorted, unique, each ended
	// by a line feed, without comments or blank lines.
	PinsKey = "registry-pins.txt"

	// ImagesKey holds the same as full image references, `host/path:tag`, in
	// the same form.
	ImagesKey = "images.txt"

	// ReportKey holds a PinReport as JSON.
	ReportKey = "report.json"
)

// PinsLabel marks every object that carries a list of pins; its value is "true".
const PinsLabel = Group + "/pins"

// Annotations of the ConfigMap. Annotations of other names are left as they are.
const (
	// SyncedAtAnnotation is when the list was last known to be current:
	// RFC 3339, UTC, to the second.
	SyncedAtAnnotation = Group + "/synced-at"

	// CompleteAnnotation is "true" when every read behind the list got an
	// answer, "false" when one did not; then no pin was removed.
	CompleteAnnotation = Group + "/complete"

	// ChecksumAnnotation is "sha256:" and the hex digest of PinsKey's bytes.
	ChecksumAnnotation = Group + "/checksum"

	// CountAnnotation is the number of lines of PinsKey, in decimal.
	CountAnnotation = Group + "/pins"

	// ShardAnnotation is `i/n`: this object is the i-th, from 0, of n.
	ShardAnnotation = Group + "/shard"

	// ShardsAnnotation, on shard 0 of several, is "sha256:" and the hex digest of what
	// the others hold. It is written last: where it does not fit, a write was not
	// finished, or a shard was changed by somebody else.
	ShardsAnnotation = Group + "/shards"
)
