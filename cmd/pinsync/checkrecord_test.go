package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// A record has what was found of its own list, and not more pins than fit an annotation. What somebody
// else has written there is no record.
func TestRecordedCheck(t *testing.T) {
	read := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := &pinlist.Published{List: &pinlist.List{Plan: "one"}, Read: pinlist.ReadTime{At: read}}
	result := &v1alpha1.RegistryCheck{Images: []v1alpha1.CheckedImage{{Pin: "container/other==1", Status: v1alpha1.ImageMissing}}}
	add := func(n int, status v1alpha1.ImageStatus) {
		for range n {
			line := fmt.Sprintf("container/app==%02d", len(l.Pins))
			l.Pins = append(l.Pins, line)
			result.Images = append(result.Images, v1alpha1.CheckedImage{Pin: line, Status: status})
		}
	}
	add(3, v1alpha1.ImagePresent)
	add(11, v1alpha1.ImageMissing)
	add(1, v1alpha1.ImageIncomplete)
	add(2, v1alpha1.ImageUnreachable)
	add(1, v1alpha1.ImageMissing)
	result.Images[len(result.Images)-1].State = v1alpha1.PinHeld // and no release needs it
	text, err := json.Marshal(recordOf(result, l))
	if err != nil {
		t.Fatal(err)
	}
	l.Checked, l.Plan, l.Read.At = string(text), "two", read.Add(time.Hour)
	want := "registries: checked 1h0m0s ago, and the list has changed since: 17 needed images, 12 MISSING OR INCOMPLETE: " +
		strings.Join(slices.Clone(l.Pins[3:13]), ", ") + " and 2 more, 2 could not be checked"
	if got := lastCheck(checkedOf(l)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, damaged := range []string{"", "{", `{"at":"soon"}`, "null"} {
		if l.Checked = damaged; checkedOf(l) != nil {
			t.Errorf("%q is a record", damaged)
		}
	}
}
