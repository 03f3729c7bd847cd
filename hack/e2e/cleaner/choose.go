package main

import (
	"maps"
	"slices"
)

// choose returns the versions that are neither kept nor children of one that is. children
// returns the digests of a version's children.
func choose(all []version, kept map[version]bool, children func(version) ([]string, error)) ([]version, error) {
	needed := maps.Clone(kept)
	for _, v := range all {
		if !kept[v] {
			continue
		}
		digests, err := children(v)
		if err != nil {
			return nil, err
		}
		for _, digest := range digests {
			needed[version{v.image, digest}] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(v version) bool { return needed[v] }), nil
}
