package sweep

import (
	"maps"
	"testing"
)

func TestMap(t *testing.T) {
	var m Map[string, int]
	expect := func(want map[string]int) {
		t.Helper()
		got := map[string]int{}
		for key, value := range m.All() {
			got[key] = *value
		}
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if m.Get("a") != nil || m.Peek("a") != nil {
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
		*m.Get("got")++
		m.Put("put", 6)
	}
	*m.Peek("peeked")++
	for key, value := range m.All() {
		if key == "listed" {
			*value++
		}
	}
	if m.Get("none") != nil || m.Peek("none") != nil {
		t.Error("a key that is not there has a value")
	}
	expect(map[string]int{"got": 3, "put": 6, "peeked": 4, "listed": 5, "deleted": 5})
	m.Delete("deleted")
	expect(map[string]int{"got": 3, "put": 6, "peeked": 4, "listed": 5})
	m.Sweep()
	expect(map[string]int{"got": 3, "put": 6})
	m.Sweep()
	expect(nil)

	m.Put("a", 1)
	b := m.Put("b", 1)
	if removed := m.Sweep(); removed != nil {
		t.Errorf("removed %v, and all was used", removed)
	}
	m.Get("a")
	m.Delete("a")
	if removed := m.Sweep(); len(removed) != 1 || removed[0] != b {
		t.Errorf("removed %v, want the value of b, %p", removed, b)
	}
	expect(nil)

	m.Put("a", 1)
	m.Put("b", 1)
	for key := range m.All() {
		m.Delete(key)
	}
	expect(nil)
}
