package policy

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
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

// Accepts says whether a policy with these rules can resolve to the tag. Rules
// that Flux refuses, such as a broken pattern, accept none.
func (r Rules) Accepts(tag string) bool {
	value, ok := r.extract(tag)
	switch {
	case !ok:
		return false
	case r.SemVer != "":
		return inRange(value, r.SemVer)
	case r.Numerical:
		_, err := strconv.ParseFloat(value, 64)
		return err == nil
	default:
		return true
	}
}

// extract applies the filter, and returns what the policy compares.
func (r Rules) extract(tag string) (string, bool) {
	if r.Pattern == "" {
		return tag, true
	}
	re, err := regexp.Compile(r.Pattern)
	if err != nil {
		return "", false
	}
	match := re.FindStringSubmatchIndex(tag)
	if match == nil {
		return "", false
	}
	if r.Extract == "" {
		return tag, true
	}
	return string(re.ExpandString(nil, r.Extract, tag, match)), true
}

// inRange says whether a version is in a range. As Flux does, it takes a version
// only in full, major.minor.patch, with or without a leading v.
func inRange(version, versions string) bool {
	constraint, err := semver.NewConstraint(versions)
	if err != nil {
		return false
	}
	parsed, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v"))
	return err == nil && constraint.Check(parsed)
}
