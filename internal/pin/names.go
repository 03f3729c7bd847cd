package pin

import (
	"slices"
	"strings"
)

// kinship is how well the name of a policy agrees with a release. Names that are
// the same tell more than names that begin or end alike; and what the values say
// beside the tag tells more than the release's name, that more than the chart's.
type kinship int

const (
	alikeChart kinship = iota
	alikeRelease
	alikeKey
	sameAsChart
	sameAsRelease
	sameAsKey
)

// kin finds policies by their names: their own, their ImageRepository's, and the
// last part of their image's.
type kin struct {
	// same has the policies of a name, parts those of a name that begins or ends
	// with other words.
	same, parts map[string][]*target
}

func newKin() *kin {
	return &kin{same: map[string][]*target{}, parts: map[string][]*target{}}
}

// add makes a policy to be found by its names.
func (k *kin) add(t *target) {
	path := t.repository().Path
	names := []string{words(t.Name.Name), words(t.Repository.Name), words(path[strings.LastIndexByte(path, '/')+1:])}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name == "" {
			continue
		}
		k.same[name] = append(k.same[name], t)
		for _, part := range beginningsAndEnds(name) {
			k.parts[part] = append(k.parts[part], t)
		}
	}
}

// of returns the policies that may be related to a tag of a release, by how
// closely. Policies can be there more than once.
func (k *kin) of(r *Release, key string) map[kinship][]*target {
	found := map[kinship][]*target{}
	for _, other := range []struct {
		name        string
		same, alike kinship
	}{
		{key, sameAsKey, alikeKey},
		{r.Name.Name, sameAsRelease, alikeRelease},
		{r.ReleaseName, sameAsRelease, alikeRelease},
		{r.Chart, sameAsChart, alikeChart},
	} {
		name := words(other.name)
		if name == "" {
			continue
		}
		found[other.same] = append(found[other.same], k.same[name]...)
		found[other.alike] = append(found[other.alike], k.parts[name]...)
		for _, part := range beginningsAndEnds(name) {
			found[other.alike] = append(found[other.alike], k.same[part]...)
		}
	}
	return found
}

// beginningsAndEnds are the words that a name begins and ends with.
func beginningsAndEnds(name string) []string {
	var parts []string
	for i, r := range name {
		if r == '-' {
			parts = append(parts, name[:i], name[i+1:])
		}
	}
	return parts
}

// words is a name in lower case with its words parted by dashes.
func words(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, name), "-")
}
