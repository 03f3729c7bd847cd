package pinlist

import (
	"cmp"
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Published is a list, and where it was read.
type Published struct {
	*List
	// Cluster is the API server's URL.
	Cluster, Namespace string
	// Read is when it was read.
	Read ReadTime
	// Report is the report on it; nil if it was not read.
	Report *v1alpha1.PinReport
	// ReportErr is why it could not be read.
	ReportErr error
}

// ReadTime is when an API server answered.
type ReadTime struct {
	// At is the time by the API server's clock, or by this host's if the former is not known.
	At time.Time
	// Ahead is how far the API server's clock is ahead of this host's, at most; 0, it is not known
	// to be ahead.
	Ahead time.Duration
	// ByHost is set if At is by this host's clock.
	ByHost bool
}

// Described returns the entries of the list's pins, as far as the report has them.
func (p *Published) Described() []v1alpha1.Pin {
	if p.Report == nil {
		return p.Describe(pin.NewReport())
	}
	return p.Describe(p.Report)
}

// Union returns the pins of several lists and of a static file together.
func Union(lists []Published, static *Static) *v1alpha1.PinExport {
	e := &v1alpha1.PinExport{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PinExportKind, Lists: []v1alpha1.ExportedList{},
	}
	for _, l := range lists {
		e.Lists = append(e.Lists, v1alpha1.ExportedList{
			Cluster: l.Cluster, Namespace: l.Namespace, Name: l.Name,
			SyncedAt: l.SyncedAt.UTC().Format(time.RFC3339), Pins: len(l.Pins),
		})
	}
	slices.SortStableFunc(e.Lists, func(a, b v1alpha1.ExportedList) int { return cmp.Compare(a.Cluster, b.Cluster) })
	if static.Name != "" {
		e.Lists = append(e.Lists, v1alpha1.ExportedList{Name: static.Name, Pins: len(static.Pins) + len(static.Images)})
	}
	e.Pins, e.Images = append([]string{}, static.Pins...), append([]string{}, static.Images...)
	for _, l := range lists {
		e.Pins, e.Images = append(e.Pins, l.Pins...), append(e.Images, l.Images...)
	}
	e.Pins, e.Images = sortedUnique(e.Pins), sortedUnique(e.Images)
	return e
}
