package policy

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// Rules are an ImagePolicy's filterTags and policy.
type Rules struct {
	// Pattern is the regular expression that a tag must match somewhere;
	// empty: every tag does.
	Pattern string

	// Extract is what of the match is compared, with $1 or $name for its
	// groups; empty: the whole tag.
	Extract string

	// SemVer is the range of versions that are taken; empty where the policy
	// orders its tags by another rule.
	SemVer string

	// Numerical says that only numbers are taken.
	Numerical bool
}

// Matcher applies rules; it does once what takes long.
type Matcher struct {
	rules      Rules
	pattern    *regexp.Regexp
	constraint *semver.Constraints
	broken     bool
	// size is that of the pattern, in instructions.
	size int
}

// Matcher returns what applies the rules. Rules that Flux refuses, such as a
// broken pattern, accept no tag, nor do rules that are too large.
func (r Rules) Matcher() *Matcher {
	m := &Matcher{rules: r}
	if len(r.SemVer) > budget.Range || len(r.Extract) > budget.Extract {
		m.broken = true
		return m
	}
	var err error
	if r.Pattern != "" {
		parsed, parseErr := parse(r.Pattern, budget.Pattern)
		if err = parseErr; err == nil {
			m.size = size(parsed, budget.Pattern)
			m.pattern, err = regexp.Compile(r.Pattern)
		}
		m.broken = err != nil
	}
	if r.SemVer != "" {
		m.constraint, err = semver.NewConstraint(r.SemVer)
		m.broken = m.broken || err != nil
	}
	return m
}

// stepsPerByte is how many steps of a regular expression reading a byte of a rule takes: of a
// pattern once, of a range and an extract for every tag.
const stepsPerByte = 100

// Steps returns how many steps it takes at most to match a tag: every instruction of the pattern
// for every byte. A step takes up to four nanoseconds.
func (m *Matcher) Steps(tag string) int {
	return stepsPerByte*(1+len(m.rules.SemVer)+len(m.rules.Extract)) + m.size*(len(tag)+1)
}

// ReadSteps returns how many steps it takes at most to read the rules.
func (r Rules) ReadSteps() int {
	return stepsPerByte * (1 + len(r.Pattern))
}

// Accepts says whether a policy with these rules can resolve to the tag.
func (m *Matcher) Accepts(tag string) bool {
	value, ok := m.extract(tag)
	switch {
	case m.broken || !ok:
		return false
	case m.constraint != nil:
		return m.inRange(value)
	case m.rules.Numerical:
		_, err := strconv.ParseFloat(value, 64)
		return err == nil
	default:
		return true
	}
}

// extract applies the filter, and returns what the policy compares.
func (m *Matcher) extract(tag string) (string, bool) {
	if m.pattern == nil {
		return tag, true
	}
	match := m.pattern.FindStringSubmatchIndex(tag)
	if match == nil {
		return "", false
	}
	if m.rules.Extract == "" {
		return tag, true
	}
	return string(m.pattern.ExpandString(nil, m.rules.Extract, tag, match)), true
}

// inRange says whether a version is in the range. As Flux does, it takes a
// version only in full, major.minor.patch, with or without a leading v.
func (m *Matcher) inRange(version string) bool {
	parsed, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v"))
	return err == nil && m.constraint.Check(parsed)
}
