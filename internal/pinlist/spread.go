package pinlist

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// Layout is how a part is laid out in objects.
type Layout struct {
	// Salt decides which entry goes to which object. Nobody who does not know it can choose
	// names that all go to the same.
	Salt string
	// Objects is how many there are now. Fewer are taken only if there is room to spare.
	Objects int
	// Room returns how many bytes each object has room for.
	Room func(shard int) int
}

// spread is the number of objects that a part is spread over, and which entry goes where.
// The number is a power of two, so that entries move only up to new objects when it grows,
// and only down from those that are removed when it shrinks.
type spread struct {
	objects int
	hashes  []uint32
}

// of returns the shard that an entry goes to.
func (s *spread) of(entry int) int {
	if s.objects == 1 {
		return 0
	}
	return int(s.hashes[entry] % uint32(s.objects))
}

// single returns the spread over one object, and reports whether entries of these sizes,
// besides what the first object has, fit into it.
func single(l *Layout, first int, sizes []int) (s *spread, ok bool) {
	s = &spread{objects: 1}
	return s, s.fits(l, first, sizes)
}

// several returns the spread over as many objects, of two to most, as entries of these
// hashes and sizes need; nil, the most do not suffice.
func several(l *Layout, first int, sizes []int, hashes []uint32, most int) *spread {
	for n := 2; n <= most; n *= 2 {
		if s := (&spread{objects: n, hashes: hashes}); s.fits(l, first, sizes) {
			return s
		}
	}
	return nil
}

// fits reports whether the entries fit into the objects; with room to spare, if those are
// fewer than there are now.
func (s *spread) fits(l *Layout, first int, sizes []int) bool {
	used := make([]int, s.objects)
	used[0] = first
	for i, size := range sizes {
		used[s.of(i)] += size
	}
	for shard := range used {
		room := l.Room(shard)
		if s.objects < l.Objects {
			room = room * 3 / 4
		}
		if used[shard] > room {
			return false
		}
	}
	return true
}

// hash returns where the n-th part of an entry goes.
func hash(salt, name string, part int) uint32 {
	sum := sha256.Sum256([]byte(salt + " " + name + " " + strconv.Itoa(part)))
	return binary.BigEndian.Uint32(sum[:])
}
