package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// A registry's host that is mistyped in the configuration gives an empty list, which is refused
// until a person has accepted it.
func TestEmptyList(t *testing.T) {
	e := newExports(t)
	args := []string{"--state", e.state}
	e.plan(nil)
	e.succeeds(args...) // nothing is suspended
	e.succeeds()

	e.registries = []pin.Registry{{Host: "git.oleks.spcae", Type: "container"}}
	e.plan(map[string]int{"kotkan": 2})
	const want = ": the list registry-pins is empty, but 2 releases are suspended or protected, such as kotkan/kotkan-0 ("
	e.refuses(3, want, args...)
	e.refuses(3, "): if that is meant, export once with --allow-empty and --state")
	e.succeeds("--allow-empty")
	e.refuses(3, want, args...) // no state recorded it
	e.succeeds(append(args, "--allow-empty")...)
	e.succeeds(args...)
	e.succeeds(args...)

	// It was accepted as long as it stays empty.
	e.registries = nil
	e.plan(map[string]int{"kotkan": 2})
	e.succeeds(args...)
	e.registries = []pin.Registry{{Host: "git.oleks.spcae", Type: "container"}}
	e.plan(map[string]int{"kotkan": 2})
	e.refuses(3, "namespace kotkan had 2 pins and has 0 now", args...)
	e.refuses(3, want, append(args, "--max-shrink", "100")...)

	// Without a report it is not known whether releases are suspended.
	e.plan(nil)
	localtest.Must(t, e.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "registry-pins-report"}}))
	e.refuses(3, "and its report, which has the suspended releases, cannot be read")
}
