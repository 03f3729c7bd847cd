package main

import (
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Of a held pin every owner is named once, with what ends the hold.
func TestWhyOfAHeldPin(t *testing.T) {
	since, because := "2026-01-01T00:00:00Z", "HelmRelease/shop/web is not Ready at its current generation"
	held := v1alpha1.Pin{
		Pin: "container/web==v1", Image: "g.io/web:v1", State: v1alpha1.PinHeld, HeldSince: &since, HeldBecause: &because, Via: []string{"spec.values.image"},
		HeldFor: []v1alpha1.Hold{{Owner: "*"}, {Owner: "HelmRelease/shop/api", SafeSince: &since}, {Owner: "HelmRelease/shop/web"}},
	}
	list := v1alpha1.ListState{Namespace: "pinsync-system", Name: "registry-pins", Cluster: "c", Age: "1s"}
	const want = `container/web==v1
  g.io/web:v1
  Held since 2026-01-01T00:00:00Z
  HelmRelease/shop/web is not Ready at its current generation
  found in spec.values.image
  an unknown release may need it until that release is proven live, deleted or disabled
  HelmRelease/shop/api does not need it since 2026-01-01T00:00:00Z: kept for the grace after that
  HelmRelease/shop/web may need it until that release is proven live, deleted or disabled
  list pinsync-system/registry-pins of c, 1s old
`
	if got := whyText(&v1alpha1.PinExplanation{Pins: []v1alpha1.ListedPin{{List: list, Pin: held}}}, 100); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
