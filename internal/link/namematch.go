package link

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// Subject is the release that an image belongs to, as far as names can match it.
type Subject struct {
	// Name is that of the object, ReleaseName that of the Helm release, and Chart the last
	// part of the chart's name.
	Name, ReleaseName, Chart string
	// Namespace is its own, and Trusted are all those whose policies it relies on.
	Namespace string
	Trusted   []string
	// IsOver is set if its tags could not all be matched with the rules of those policies within the
	// budget of its namespace.
	IsOver bool
}

// match is how well the name of a policy matches. Equal names count more than names that
// begin or end with the same words; and the key beside a tag in the values counts more than
// the release's name, that more than the chart's.
type match int

const (
	partOfChart match = iota
	partOfRelease
	partOfKey
	equalsChart
	equalsRelease
	equalsKey
)

// nameIndex finds policies by their names: their own, their ImageRepository's, and the last
// part of their image's.
type nameIndex struct {
	// whole has the policies of a name, parts those of a name that begins or ends with
	// other words.
	whole, parts map[string][]*Candidate
}

func (x *nameIndex) add(c *Candidate) {
	path := c.Image().Path
	var names []string
	for _, name := range []string{c.Name.Name, c.Repository.Name, path[strings.LastIndexByte(path, '/')+1:]} {
		if len(name) <= budget.Name {
			names = append(names, words(name))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name == "" {
			continue
		}
		x.whole[name] = append(x.whole[name], c)
		for _, part := range beginningsAndEnds(name) {
			x.parts[part] = append(x.parts[part], c)
		}
	}
}

// find returns the policies whose names match a tag of a release, by how well. A policy
// can be there more than once.
func (x *nameIndex) find(s *Subject, key string) map[match][]*Candidate {
	found := map[match][]*Candidate{}
	for _, other := range []struct {
		name         string
		equals, part match
	}{
		{key, equalsKey, partOfKey},
		{s.Name, equalsRelease, partOfRelease},
		{s.ReleaseName, equalsRelease, partOfRelease},
		{s.Chart, equalsChart, partOfChart},
	} {
		if len(other.name) > budget.Name {
			continue // no policy has such a name
		}
		name := words(other.name)
		if name == "" {
			continue
		}
		found[other.equals] = append(found[other.equals], x.whole[name]...)
		found[other.part] = append(found[other.part], x.parts[name]...)
		for _, part := range beginningsAndEnds(name) {
			found[other.part] = append(found[other.part], x.whole[part]...)
		}
	}
	return found
}

// maxWords is how many words a name may have to be like another one in part: each is two entries of
// the index. People's names have up to ten.
const maxWords = 16

// beginningsAndEnds returns the words that a name begins and ends with.
func beginningsAndEnds(name string) []string {
	if strings.Count(name, "-") >= maxWords {
		return nil
	}
	var parts []string
	for i, r := range name {
		if r == '-' {
			parts = append(parts, name[:i], name[i+1:])
		}
	}
	return parts
}

// words returns a name in lower case with its words separated by dashes.
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
