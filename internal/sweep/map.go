// Package sweep has a map that forgets what is not used any more.
package sweep

import "iter"

// Map is a map for mark and sweep: Get and Put mark an entry as used, and Sweep removes those
// that were not used since the Sweep before. Values are returned by pointers, through which they may
// be changed. The zero value is empty and ready to use. It is not safe for concurrent use.
type Map[K comparable, V any] struct {
	entries map[K]*entry[V]
	// round counts the Sweeps, and used the entries that were used in this one.
	round uint64
	used  int
}

type entry[V any] struct {
	value V
	// round is the last one in which it was used.
	round uint64
}

// Get returns the value of a key, and marks it as used; nil, there is none.
func (m *Map[K, V]) Get(key K) *V {
	e, ok := m.entries[key]
	if !ok {
		return nil
	}
	m.mark(e)
	return &e.value
}

func (m *Map[K, V]) mark(e *entry[V]) {
	if e.round != m.round {
		e.round = m.round
		m.used++
	}
}

// Peek returns the value of a key, and does not mark it; nil, there is none.
func (m *Map[K, V]) Peek(key K) *V {
	e, ok := m.entries[key]
	if !ok {
		return nil
	}
	return &e.value
}

// Put sets the value of a key, marks it as used, and returns it.
func (m *Map[K, V]) Put(key K, value V) *V {
	if known := m.Get(key); known != nil {
		*known = value
		return known
	}
	if m.entries == nil {
		m.entries = map[K]*entry[V]{}
	}
	e := &entry[V]{value, m.round}
	m.entries[key] = e
	m.used++
	return &e.value
}

// Delete removes a key.
func (m *Map[K, V]) Delete(key K) {
	if e, ok := m.entries[key]; ok && e.round == m.round {
		m.used--
	}
	delete(m.entries, key)
}

// Sweep removes what was not used since the last Sweep, and returns it, in no order. It costs nothing where
// everything was used.
func (m *Map[K, V]) Sweep() (removed []*V) {
	if m.used < len(m.entries) {
		for key, e := range m.entries {
			if e.round != m.round {
				removed = append(removed, &e.value)
				delete(m.entries, key)
			}
		}
	}
	m.round, m.used = m.round+1, 0
	return removed
}

// All iterates over the entries, in no order, without marking them. Deleting while iterating
// is allowed.
func (m *Map[K, V]) All() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for key, e := range m.entries {
			if !yield(key, &e.value) {
				return
			}
		}
	}
}
