package list

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Published is a list, and where it was read.
type Published struct {
	*List
	// Cluster is the API server's URL.
	Cluster, Namespace string
}

// Union is what several lists say together, and a static file.
func Union(lists []Published, static *Static) *v1alpha1.PinExport {
	e := &v1alpha1.PinExport{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PinExportKind, Lists: []v1alpha1.ExportedList{},
	}
	for _, l := range lists {
		e.Lists = append(e.Lists, v1alpha1.ExportedList{
			Cluster: l.Cluster, Namespace: l.Namespace, Name: l.Name,
			SyncedAt: l.SyncedAt.UTC().Format(time.RFC3339), Pins: strings.Count(pin.Lines(l.Report), "\n"),
		})
	}
	slices.SortStableFunc(e.Lists, func(a, b v1alpha1.ExportedList) int { return cmp.Compare(a.Cluster, b.Cluster) })
	if static.Name != "" {
		e.Lists = append(e.Lists, v1alpha1.ExportedList{Name: static.Name, Pins: len(static.Pins) + len(static.Images)})
	}
	e.Pins = union(lists, pin.Lines, static.Pins)
	e.Images = union(lists, pin.Images, static.Images)
	return e
}

// union returns the lines of all lists, and others, sorted and unique.
func union(lists []Published, lines func(*v1alpha1.PinReport) string, others []string) []string {
	all := append([]string{}, others...)
	for _, l := range lists {
		all = slices.AppendSeq(all, strings.FieldsFuncSeq(lines(l.Report), func(r rune) bool { return r == '\n' }))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Nameless returns an error if there is a pin whose image is not known, so that it is in
// no list of images.
func Nameless(lists []Published) error {
	for _, l := range lists {
		for i := range l.Report.Pins {
			if p := &l.Report.Pins[i]; p.Image == "" {
				return fmt.Errorf("the list %s has %s, of which the registry is not known: only the format pins has it", l.Name, p.Pin)
			}
		}
	}
	return nil
}
