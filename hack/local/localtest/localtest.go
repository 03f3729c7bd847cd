// Package localtest starts what package local has, for the time of a test.
package localtest

import (
	"context"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// Timeout is how long a test waits for a condition.
const Timeout = 2 * time.Minute

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Until waits until a condition is met.
func Until(t testing.TB, condition func() (met bool, found string)) {
	t.Helper()
	Must(t, local.Until(t.Context(), Timeout, func(context.Context) (bool, string) { return condition() }))
}

// StartControlPlane starts a control plane that runs until the test ends.
func StartControlPlane(t testing.TB) *local.ControlPlane {
	t.Helper()
	plane, err := local.Start()
	Must(t, err)
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	return plane
}

// FreeAddress returns an address on which no program listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := local.FreeAddress(t.Context())
	Must(t, err)
	return address
}
