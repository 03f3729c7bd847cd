package policy

import (
	"errors"
	"regexp/syntax"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// errTooLarge is why a rule is not looked at.
var errTooLarge = errors.New("the rule is too large")

// parse reads a pattern as Flux does, unless it is too large.
func parse(pattern string, most int) (*syntax.Regexp, error) {
	if len(pattern) > budget.PatternBytes {
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
