package pin

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// AsFound returns pins in the spelling in which they were found: of a tag with upper case, the
// lower-case pin beside it is another name for the same image.
func AsFound(pins []v1alpha1.Pin) []v1alpha1.Pin {
	found := map[string]*v1alpha1.Pin{}
	for i := range pins {
		p := &pins[i]
		if lower := strings.ToLower(p.Image); lower != p.Image {
			found[lower] = p
		}
	}
	return slices.DeleteFunc(slices.Clone(pins), func(p v1alpha1.Pin) bool {
		other := found[p.Image]
		return other != nil && p.State == other.State && hasSameOwners(p, *other) && slices.Equal(p.Via, other.Via)
	})
}
