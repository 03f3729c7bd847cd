package pinlist

import "testing"

// An object's name tells which shard it holds, and is told by it.
func TestShardOf(t *testing.T) {
	for name, want := range map[string]int{"pins": 0, "pins-1": 1, "pins-12": 12} {
		if got, is := ShardOf("pins", name); !is || got != want || ObjectName("pins", want) != name {
			t.Errorf("%s: got %d, %t", name, got, is)
		}
	}
	for _, name := range []string{"pin", "pins-", "pins-0", "pins-01", "pins--1", "pins-a", "pins1", "other-1"} {
		if _, is := ShardOf("pins", name); is {
			t.Errorf("%s passes as a shard", name)
		}
	}
}
