package v1alpha1

// Defaults of the objects that the list is written to.
const (
	// DefaultNamespace is where the controller and its ConfigMaps are unless configured
	// otherwise.
	DefaultNamespace = "pinsync-system"

	// DefaultConfigMapName is the name of the list's ConfigMap unless the configuration
	// names another.
	DefaultConfigMapName = "registry-pins"

	// ReportSuffix is appended to the list's name for the ConfigMap of the report on it.
	ReportSuffix = "-report"
)

// Data keys of the list's ConfigMap. Keys of other names are left as they are.
const (
	// PinsKey holds the pins, `type/name==version`, sorted, unique, each ended by a line
	// feed, without comments or blank lines.
	PinsKey = "registry-pins.txt"

	// ImagesKey holds the same as full image references, `host/path:tag`, in the same form, without charts
	// of classic Helm repositories.
	ImagesKey = "images.txt"
)

// ReportKey holds a PinReport as JSON, in the ConfigMap of the report. Earlier versions kept
// it in the list's ConfigMap.
const ReportKey = "report.json"

// Labels of the objects; their value is "true".
const (
	// PinsLabel marks every object that holds pins.
	PinsLabel = Group + "/pins"

	// ReportLabel marks every object that holds a report.
	ReportLabel = Group + "/report"
)

// Annotations of the ConfigMaps. Annotations of other names are left as they are.
const (
	// SyncedAtAnnotation is when the list was last known to be current: RFC 3339, UTC, to
	// the second.
	SyncedAtAnnotation = Group + "/synced-at"

	// RequestedAtAnnotation, on shard 0, asks for a renewal of SyncedAtAnnotation, as Flux's
	// reconcile.fluxcd.io/requestedAt asks for a reconciliation. A reader of the list sets it, to the
	// time: RFC 3339. Each value asks once.
	RequestedAtAnnotation = Group + "/requested-at"

	// CompleteAnnotation is "true" when all was read that the list depends on, "false" when a read has failed,
	// and then no pin was removed, or while what a release needs is still being read.
	CompleteAnnotation = Group + "/complete"

	// ChecksumAnnotation is "sha256:" and the hex digest of PinsKey's bytes.
	ChecksumAnnotation = Group + "/checksum"

	// ImagesChecksumAnnotation is the same of ImagesKey's bytes.
	ImagesChecksumAnnotation = Group + "/images-checksum"

	// CountAnnotation is the number of lines of PinsKey, in decimal.
	CountAnnotation = Group + "/pins"

	// PlanAnnotation, on shard 0, identifies the plan that the list was written for: a time,
	// RFC 3339, UTC. It changes when the pins change, or when a pin gets one more owner. The
	// report has the plan that it belongs to.
	PlanAnnotation = Group + "/plan"

	// CheckedAnnotation, on shard 0, is the RecordedCheck of `pinsync check --record` as JSON.
	CheckedAnnotation = Group + "/checked"

	// ShardAnnotation is `i/n`: this object is the i-th, from 0, of n.
	ShardAnnotation = Group + "/shard"

	// ShardsAnnotation, on shard 0 of several, is "sha256:" and the hex digest of what the
	// others hold. It is written last: if it does not match, a write was not finished, or
	// somebody else has changed a shard.
	ShardsAnnotation = Group + "/shards"
)
