//go:build e2enode && linux

package e2enode

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// loadReleases is how many releases there are besides those of the other tests.
const loadReleases = 200

// With hundreds of suspended releases the containers stay below half of their limit of memory until
// the list is complete: until the charts of all are rendered. It is the last test, by the name of
// this file, because its releases stay.
func TestMemory(t *testing.T) {
	w := newWorld(t)
	var group errgroup.Group
	group.SetLimit(8)
	pins := make([]string, loadReleases)
	for i := range pins {
		tag := fmt.Sprintf("load-%04d", i)
		pins[i] = w.pin(tag)
		group.Go(func() error { return w.client.Create(t.Context(), w.newRelease(tag, tag, true)) })
	}
	localtest.Must(t, group.Wait())
	w.Needs(pins...)
	w.lists(pins...)
	for _, pod := range w.controllers(t) {
		limit := pod.Spec.Containers[0].Resources.Limits.Memory().Value()
		if limit == 0 {
			t.Fatalf("%s has no limit of memory", pod.Name)
		}
		peak := peakOf(t, w.cgroupOf(t, &pod))
		t.Logf("%s: at most %d MiB of %d MiB", pod.Name, peak>>20, limit>>20)
		if peak == 0 || peak > limit/2 {
			t.Errorf("%s took %d bytes of memory; its limit is %d", pod.Name, peak, limit)
		}
	}
}

// peakOf returns the most memory that a cgroup took.
func peakOf(t *testing.T, cgroup string) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cgroup, "memory.peak"))
	if os.IsNotExist(err) {
		text, err = os.ReadFile(filepath.Join(cgroup, "memory.max_usage_in_bytes")) // version 1
	}
	localtest.Must(t, err)
	peak, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	localtest.Must(t, err)
	return peak
}
