package sweep

import (
	"maps"
	"slices"
	"testing"
)

func TestMap(t *testing.T) {
	var m Map[string, int]
	expect := func(want map[string]int) {
		t.Helper()
		if got := maps.Collect(m.All()); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if _, ok := m.Get("a"); ok {
		t.Error("the zero value is not empty")
	}
	m.Sweep()
	m.Put("got", 1)
	m.Put("put", 2)
	m.Put("peeked", 3)
	m.Put("listed", 4)
	m.Put("deleted", 5)
	m.Sweep()
	expect(map[string]int{"got": 1, "put": 2, "peeked": 3, "listed": 4, "deleted": 5})

	for range 2 { // once or twice is the same
		if value, ok := m.Get("got"); value != 1 || !ok {
			t.Errorf("got %d, %t", value, ok)
		}
		m.Put("put", 6)
	}
	if value, ok := m.Peek("peeked"); value != 3 || !ok {
		t.Errorf("peeked %d, %t", value, ok)
	}
	if _, ok := m.Peek("none"); ok {
		t.Error("a key that is not there was peeked at")
	}
	m.Replace("listed", 7)
	m.Replace("none", 7)
	expect(map[string]int{"got": 1, "put": 6, "peeked": 3, "listed": 7, "deleted": 5})
	m.Delete("deleted")
	expect(map[string]int{"got": 1, "put": 6, "peeked": 3, "listed": 7})
	m.Sweep()
	expect(map[string]int{"got": 1, "put": 6})
	m.Sweep()
	expect(nil)

	m.Put("a", 1)
	m.Put("b", 1)
	if removed := m.Sweep(); removed != nil {
		t.Errorf("removed %d, and all was used", removed)
	}
	m.Get("a")
	m.Delete("a")
	if removed := m.Sweep(); !slices.Equal(removed, []int{1}) {
		t.Errorf("removed %d, want the value of b", removed)
	}
	expect(nil)

	m.Put("a", 1)
	m.Put("b", 1)
	for key := range m.All() {
		m.Delete(key)
	}
	expect(nil)
}
