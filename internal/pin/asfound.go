package pin

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// AsFound returns the needed pins in the spelling in which they were found: of a tag with
// upper case, the lower-case pin beside it is another name for the same image.
func AsFound(pins []v1alpha1.Pin) []v1alpha1.Pin {
	found := map[string]*v1alpha1.Pin{}
	for i := range pins {
		p := &pins[i]
		if lower := strings.ToLower(p.Image); p.State == v1alpha1.PinNeeded && lower != p.Image {
			found[lower] = p
		}
	}
	var needed []v1alpha1.Pin
	for i := range pins {
		p := &pins[i]
		other := found[p.Image]
		isBeside := other != nil && slices.Equal(p.NeededBy, other.NeededBy) && slices.Equal(p.Via, other.Via)
		if p.State == v1alpha1.PinNeeded && !isBeside {
			needed = append(needed, *p)
		}
	}
	return needed
}
