package pinlist

import (
	"fmt"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// ReadReport returns the report on a list from the objects that carry the label of reports. It
// returns an error that describes in one line what is wrong where it is missing or damaged.
// The report may be of an earlier plan than the list: Describe takes that into account.
func (l *List) ReadReport(objects []Object) (*v1alpha1.PinReport, error) {
	if l.embedded != nil {
		return l.embedded, nil
	}
	part := ReportName(l.Name)
	own := slices.DeleteFunc(slices.Clone(objects), func(o Object) bool {
		_, ok := ShardOf(part, o.Name)
		return !ok
	})
	if len(own) == 0 {
		return nil, fmt.Errorf("there is no report %s", part)
	}
	shards, err := inOrder(part, own)
	if err != nil {
		return nil, err
	}
	reports := make([]*v1alpha1.PinReport, len(shards))
	for i := range shards {
		if reports[i], err = decodeReport(shards[i].Data[v1alpha1.ReportKey]); err != nil {
			return nil, fmt.Errorf("ConfigMap %s is damaged: %s is not a report: %w", shards[i].Name, v1alpha1.ReportKey, err)
		}
	}
	return Join(reports), nil
}

// Describe returns the entries of the list's pins: those of the report, and for a pin that
// the report does not have yet an entry that is needed by no known release.
func (l *List) Describe(r *v1alpha1.PinReport) []v1alpha1.Pin {
	var described []v1alpha1.Pin
	known := map[string]bool{}
	for i := range r.Pins {
		if _, ok := slices.BinarySearch(l.Pins, r.Pins[i].Pin); ok {
			described = append(described, r.Pins[i])
			known[r.Pins[i].Pin], known[r.Pins[i].Image] = true, true
		}
	}
	index := newImageIndex(l.Images)
	for _, line := range l.Pins {
		described = append(described, unexplained(line, index, known, v1alpha1.PinNeeded)...)
	}
	slices.SortFunc(described, func(a, b v1alpha1.Pin) int { return pin.ComparePins(&a, &b) })
	return described
}
