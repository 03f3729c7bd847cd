package pin_test

import (
	"slices"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// What is to be looked up besides the releases that were found are all other owners of pins, by kind, and the releases
// that slept without any.
func TestRequiredReleasesThatWereNotFound(t *testing.T) {
	m := pin.Memory{
		Pins: []v1alpha1.Pin{
			{Pin: "container/a==1", State: v1alpha1.PinNeeded, NeededBy: []string{"HelmRelease/apps/a", "HelmRelease/apps/found"}},
			{Pin: "container/b==1", State: v1alpha1.PinHeld, HeldFor: []v1alpha1.Hold{{Owner: "HelmRelease/apps/b"}, {Owner: v1alpha1.UnknownOwner}}},
			{Pin: "container/c==1", State: v1alpha1.PinNeeded, NeededBy: []string{"Other/apps/found"}},
		},
		Releases: []v1alpha1.Release{{Kind: object.HelmRelease, Namespace: "apps", Name: "pinless", State: v1alpha1.ReleaseSuspended}},
	}
	q := pin.Require(m, time.Now(), time.Time{}, pin.Options{})
	q.Found(object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: "found"}})
	q.Found(object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: "stranger"}})
	var got []string
	for _, id := range q.NotFound() {
		got = append(got, id.String())
	}
	slices.Sort(got)
	if want := []string{"HelmRelease/apps/a", "HelmRelease/apps/b", "HelmRelease/apps/pinless", "Other/apps/found"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
