package policy

import (
	"regexp/syntax"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// maxMatch is the longest string that is kept while a pattern is expanded: a tag
// of the greatest length that the OCI distribution specification allows, and its
// ends.
const maxMatch = 128 + len(begin+end)

// MaxLiterals is how many tags a pattern may name literally. A pattern that
// names more names none: its tags are known only once Flux has resolved it.
const MaxLiterals = 1000

// The beginning and the end of a tag, in the strings that a pattern is expanded to. Tags have no
// control characters.
const (
	begin = "\x02"
	end   = "\x03"
)

// Literals returns the tags that a filterTags pattern names one by one, sorted:
// staging for ^staging$, production and staging for ^(staging|production)$. Of a
// pattern that also matches other tags it returns those that are named. Upper
// and lower case that a pattern does not distinguish give the lower case.
func Literals(pattern string) []string {
	if strings.ContainsAny(pattern, begin+end) {
		return nil
	}
	parsed, err := parse(pattern, budget.Literals)
	if err != nil {
		return nil
	}
	matches, _ := expand(parsed.Simplify())
	var tags []string
	for _, match := range matches {
		tag := strings.TrimRight(strings.TrimLeft(match, begin), end)
		anchored := strings.HasPrefix(match, begin) && strings.HasSuffix(match, end)
		if anchored && image.CheckTag(tag) == nil {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// expand returns every string that re matches, begin and end included, and
// whether they are finite in number and not too many. Of an alternation it keeps
// the alternatives that are.
func expand(re *syntax.Regexp) ([]string, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpBeginText, syntax.OpBeginLine:
		return []string{begin}, true
	case syntax.OpEndText, syntax.OpEndLine:
		return []string{end}, true
	case syntax.OpLiteral:
		text := literal(re)
		return []string{text}, !strings.ContainsAny(text, begin+end)
	case syntax.OpCharClass:
		return class(re.Rune)
	case syntax.OpCapture:
		return expand(re.Sub[0])
	case syntax.OpQuest:
		matches, ok := expand(re.Sub[0])
		return append(matches, ""), ok
	case syntax.OpAlternate:
		return alternatives(re.Sub)
	case syntax.OpConcat:
		return product(re.Sub)
	default:
		return nil, false
	}
}

func literal(re *syntax.Regexp) string {
	if re.Flags&syntax.FoldCase != 0 {
		return strings.ToLower(string(re.Rune))
	}
	return string(re.Rune)
}

// class expands a character class, given as pairs of first and last.
func class(ranges []rune) ([]string, bool) {
	var matches []string
	for i := 0; i+1 < len(ranges); i += 2 {
		if len(matches)+int(ranges[i+1]-ranges[i]) >= MaxLiterals {
			return nil, false
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if s := string(r); s != begin && s != end {
				matches = append(matches, s)
			}
		}
	}
	return matches, true
}

func alternatives(subs []*syntax.Regexp) ([]string, bool) {
	var matches []string
	for _, sub := range subs {
		more, ok := expand(sub)
		if !ok {
			continue
		}
		matches = append(matches, more...)
		if len(matches) > MaxLiterals {
			return nil, false
		}
	}
	return matches, len(matches) > 0
}

func product(subs []*syntax.Regexp) ([]string, bool) {
	matches := []string{""}
	for _, sub := range subs {
		tails, ok := expand(sub)
		if !ok || len(matches)*len(tails) > MaxLiterals {
			return nil, false
		}
		next := make([]string, 0, len(matches)*len(tails))
		for _, head := range matches {
			for _, tail := range tails {
				if len(head)+len(tail) <= maxMatch {
					next = append(next, head+tail)
				}
			}
		}
		matches = next
	}
	return matches, true
}
