package pin_test

import (
	"fmt"
	"slices"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// The lower-case pin beside a tag with upper case is not asked for, unless somebody needs it
// for itself. Held pins are asked for, too.
func TestAsFound(t *testing.T) {
	s := &pin.Snapshot{}
	for release, image := range map[string]string{"a": "g.io/o/app:V1", "b": "g.io/o/app:V2", "c": "g.io/o/app:v2", "d": "g.io/o/app:v3"} {
		s.Releases = append(s.Releases, suspended(release, image))
	}
	report := pin.Plan(s, pin.Options{})
	for tag, owner := range map[string]string{"old": "a", "Old": "a", "older": "a", "Older": "b"} {
		report.Pins = append(report.Pins, v1alpha1.Pin{
			Pin: "container/app==" + tag, Image: "g.io/o/app:" + tag, State: v1alpha1.PinHeld, HeldFor: []v1alpha1.Hold{{Owner: owner}},
		})
	}
	slices.SortFunc(report.Pins, func(a, b v1alpha1.Pin) int { return pin.ComparePins(&a, &b) })
	var got []string
	for _, p := range pin.AsFound(report.Pins) {
		got = append(got, p.Image)
	}
	if want := "[g.io/o/app:Old g.io/o/app:Older g.io/o/app:V1 g.io/o/app:V2 g.io/o/app:older g.io/o/app:v2 g.io/o/app:v3]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
