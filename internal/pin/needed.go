package pin

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Needed returns the pins of a report that are needed, in the spelling in which they were
// found: of a tag with upper case, the lower-case pin beside it is another name for the same.
func Needed(r *v1alpha1.PinReport) []v1alpha1.Pin {
	written := map[string]*v1alpha1.Pin{}
	for i := range r.Pins {
		p := &r.Pins[i]
		if lower := strings.ToLower(p.Image); p.State == v1alpha1.PinNeeded && lower != p.Image {
			written[lower] = p
		}
	}
	var needed []v1alpha1.Pin
	for i := range r.Pins {
		p := &r.Pins[i]
		other := written[p.Image]
		isBeside := other != nil && slices.Equal(p.NeededBy, other.NeededBy) && slices.Equal(p.Via, other.Via)
		if p.State == v1alpha1.PinNeeded && !isBeside {
			needed = append(needed, *p)
		}
	}
	return needed
}
