package pinlist

// MaxObjectBytes is how many bytes of pinsync's one ConfigMap holds at most. The API server
// takes 1 MiB of data.
const MaxObjectBytes = 900 << 10

const (
	// maxObjects limits how many objects the list, or the report, is spread over.
	maxObjects = 1024

	// maxFullObjects limits how many objects a report is spread over in full. Where it needs
	// more, it is truncated: what no plan depends on, such as places and the releases' problems, is
	// left out, and with it a good part of its size.
	maxFullObjects = 16

	// chunk limits the bytes of one entry of a report. One that is larger is split, because an
	// image that every release of a large cluster has would not fit into any object.
	chunk = 100_000
)
