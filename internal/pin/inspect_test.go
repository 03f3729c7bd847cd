package pin_test

import (
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// An inspection says why a release has no pin as a plan does.
func TestInspectWithoutPin(t *testing.T) {
	elsewhere := pin.Options{Registries: []pin.Registry{{Host: "other.example", Type: pin.DefaultType}}}
	for name, test := range map[string]struct {
		options pin.Options
		values  map[string]any
		want    string
	}{
		"no image":       {pin.Options{}, nil, "no image with a tag was found"},
		"other registry": {elsewhere, map[string]any{"image": "git.oleks.space/oleks/app:v1"}, "do not include git.oleks.space/oleks/app"},
		"pin":            {pin.Options{}, map[string]any{"image": "git.oleks.space/oleks/app:v1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			release := pin.Release{ID: id("apps", "web"), Suspended: true, Inputs: imagesIn(test.values)}
			s := &pin.Snapshot{Releases: []pin.Release{release}}
			got := pin.Inspect(s, test.options, release.ID)
			var message string
			for _, p := range got.Problems {
				if p.Reason == v1alpha1.ReasonNoPin || p.Reason == v1alpha1.ReasonOutsideRegistries {
					message = p.Message
				}
			}
			if (message == "") != (test.want == "") || !strings.Contains(message, test.want) || (len(got.Pins) == 0) != (test.want != "") {
				t.Errorf("got %q and the pins %v, want %q", message, got.Pins, test.want)
			}
			if planned := pin.Plan(s, test.options).Releases[0].Problems; len(planned) != len(got.Problems) {
				t.Errorf("inspected %v, planned %v", got.Problems, planned)
			}
		})
	}
}
