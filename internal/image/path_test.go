package image

import (
	"fmt"
	"testing"
)

// What an image costs does not depend on how deep it stands: a tenant may nest as deep as values may be.
func TestImagesCostTheSameAtAnyDepth(t *testing.T) {
	allocations := func(depth, tags int) float64 {
		values := map[string]any{}
		for i := range tags {
			values[fmt.Sprintf("component%dImage", i)] = map[string]any{"tag": "v1"}
		}
		for range depth {
			values = map[string]any{"theImage": values}
		}
		return testing.AllocsPerRun(1, func() { Find(values, "v") })
	}
	// At both depths a place is as long as it is printed at most.
	shallow, deep := allocations(200, 200)-allocations(200, 100), allocations(400, 200)-allocations(400, 100)
	if deep > 1.2*shallow {
		t.Errorf("100 tags take %.0f allocations in 200 maps, and %.0f in 400", shallow, deep)
	}
}
