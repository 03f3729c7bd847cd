package pin_test

import (
	"fmt"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// The lower-case pin beside a tag with upper case is not asked for, unless somebody needs it
// for itself.
func TestAsFound(t *testing.T) {
	s := &pin.Snapshot{}
	for release, image := range map[string]string{"a": "g.io/o/app:V1", "b": "g.io/o/app:V2", "c": "g.io/o/app:v2", "d": "g.io/o/app:v3"} {
		s.Releases = append(s.Releases, suspended(release, image))
	}
	report := pin.Plan(s, pin.Options{})
	report.Pins = append(report.Pins, v1alpha1.Pin{Pin: "container/app==old", Image: "g.io/o/app:old", State: v1alpha1.PinHeld})
	var got []string
	for _, p := range pin.AsFound(report.Pins) {
		got = append(got, p.Image)
	}
	if want := "[g.io/o/app:V1 g.io/o/app:V2 g.io/o/app:v2 g.io/o/app:v3]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
