package policy

import (
	"errors"
	"regexp/syntax"
)

// Tenants write patterns, and a short one can stand for a program of many
// megabytes. These are the sizes, in instructions of that program, up to which a
// pattern is applied to tags and expanded. People's patterns have dozens.
const (
	maxMatchSize   = 2_000
	maxLiteralSize = 20_000
	maxPattern     = 1 << 16

	// maxRange and maxExtract are the longest range and extract, in bytes: both are gone
	// through for every tag, and each group that is extracted can be as long as a tag.
	maxRange   = 1 << 10
	maxExtract = 1 << 8
)

// errTooLarge is why a rule is not looked at.
var errTooLarge = errors.New("the rule is too large")

// parse reads a pattern as Flux does, unless it is too large.
func parse(pattern string, most int) (*syntax.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, errTooLarge
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if size(parsed, most) > most {
		return nil, errTooLarge
	}
	return parsed, nil
}

// size estimates the instructions of a pattern's program; it stops counting where
// they are more than most.
func size(re *syntax.Regexp, most int) int {
	total := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		if total += size(sub, most); total > most {
			return total
		}
	}
	if re.Op == syntax.OpRepeat {
		return total * max(re.Min, re.Max, 1)
	}
	return total
}
