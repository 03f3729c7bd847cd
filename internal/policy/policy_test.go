package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
)

func TestLiterals(t *testing.T) {
	tests := map[string][]string{
		`^staging$`:                          {"staging"},
		`^(staging|production)$`:             {"production", "staging"},
		`^(?:staging|stable)$`:               {"stable", "staging"},
		`^(?P<channel>staging)$`:             {"staging"},
		`^staging$|^production$`:             {"production", "staging"},
		`^staging$|main`:                     {"staging"},
		`\Astaging\z`:                        {"staging"},
		`^v[12]\.0$`:                         {"v1.0", "v2.0"},
		`^v1(-rc)?$`:                         {"v1", "v1-rc"},
		`^a{2,3}$`:                           {"aa", "aaa"},
		`(?i)^Staging$`:                      {"staging"},
		`(?m)^staging$`:                      {"staging"},
		`^v1.0$`:                             nil, // the dot is any character
		`staging`:                            nil,
		`^staging`:                           nil,
		`staging$`:                           nil,
		`^main-.*$`:                          nil,
		`^$`:                                 nil,
		`^sta ging$`:                         nil, // no tag
		`^a^b$`:                              nil, // matches nothing
		`(`:                                  nil,
		``:                                   nil,
		"^\x02a\x03$":                        nil,
		`^\x02a$`:                            nil,
		`^[\x01-\x03]a$`:                     nil,
		`^[a-z][a-z][a-z]$`:                  nil, // too many
		"^" + strings.Repeat("x", 129) + "$": nil, // too long
	}
	for pattern, want := range tests {
		if got := Literals(pattern); !slices.Equal(got, want) {
			t.Errorf("Literals(%q) = %q, want %q", pattern, got, want)
		}
	}
}

func TestLiteralsUpToTheLimit(t *testing.T) {
	alternatives := func(n int) string {
		words := make([]string, n)
		for i := range words {
			words[i] = fmt.Sprint("t", i)
		}
		return "^(" + strings.Join(words, "|") + ")$"
	}
	if got := len(Literals(alternatives(MaxLiterals))); got != MaxLiterals {
		t.Errorf("%d tags, want %d", got, MaxLiterals)
	}
	if got := len(Literals(alternatives(MaxLiterals + 1))); got != 0 {
		t.Errorf("%d tags, want none", got)
	}
}

// A pattern that is short and stands for a large program is not looked at.
func TestLargePatterns(t *testing.T) {
	for _, pattern := range []string{
		strings.Repeat("a{1000}", 20), "^" + strings.Repeat("(a{900}|b){900}", 1) + "$", strings.Repeat("x", budget.PatternBytes+1),
	} {
		if (Rules{Pattern: pattern}).Matcher().Accepts(strings.Repeat("a", 128)) {
			t.Errorf("%.40q… is applied", pattern)
		}
	}
	for _, rules := range []Rules{
		{SemVer: ">=1.0.0" + strings.Repeat(" ", budget.Range)}, {Pattern: "(.*)", Extract: strings.Repeat("$1", budget.Extract)},
	} {
		if rules.Matcher().Accepts("1.0.0") {
			t.Errorf("%.40v… are applied", rules)
		}
	}
	if tags := Literals("^" + strings.Repeat("a{0,1000}", 100) + "$"); len(tags) > 0 {
		t.Errorf("%d tags", len(tags))
	}
}

func TestAccepts(t *testing.T) {
	tests := []struct {
		rules Rules
		yes   []string
		no    []string
	}{
		{Rules{}, []string{"anything", "1"}, nil},
		{Rules{Pattern: `^main-`}, []string{"main-1"}, []string{"dev-main-1"}},
		{Rules{Pattern: `main`}, []string{"dev-main-1"}, []string{"dev"}},
		{Rules{SemVer: ">=1.0.0 <2.0.0"}, []string{"1.2.3", "v1.2.3"}, []string{"2.0.0", "1.2", "latest", "1.2.3-rc.1"}},
		{Rules{SemVer: ">=1.0.0-0"}, []string{"1.2.3-rc.1"}, nil},
		{Rules{SemVer: "nonsense"}, nil, []string{"1.2.3"}},
		{Rules{Pattern: `^prod-(?P<v>.*)$`, Extract: "$v", SemVer: "1.x"}, []string{"prod-1.2.3"}, []string{"1.2.3", "prod-2.0.0"}},
		{Rules{Numerical: true}, []string{"17", "1.5"}, []string{"v17", "main"}},
		{Rules{Pattern: `^main-[0-9a-f]+-(\d+)$`, Extract: "$1", Numerical: true}, []string{"main-c0ffee-17"}, []string{"17"}},
		{Rules{Pattern: `(`}, nil, []string{"anything"}},
	}
	for _, test := range tests {
		matcher := test.rules.Matcher()
		for _, tag := range test.yes {
			if !matcher.Accepts(tag) {
				t.Errorf("%+v does not accept %q", test.rules, tag)
			}
		}
		for _, tag := range test.no {
			if matcher.Accepts(tag) {
				t.Errorf("%+v accepts %q", test.rules, tag)
			}
		}
	}
}

// Whatever the pattern, what it is said to name are tags that it matches, sorted,
// unique, and not too many.
func FuzzLiterals(f *testing.F) {
	for _, pattern := range []string{`^staging$`, `^(a|b)?c{2}[de]$`, `(?i)^X$|^y$`, `^(a|b$)`, `(^|a)b$`, `^\x02a\x03$`, `(?s)^.$`} {
		f.Add(pattern)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		tags := Literals(pattern)
		if len(tags) == 0 {
			return
		}
		re, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatalf("Literals(%q) = %q of a pattern that Flux refuses: %v", pattern, tags, err)
		}
		if len(tags) > MaxLiterals || !slices.IsSorted(tags) || len(slices.Compact(slices.Clone(tags))) != len(tags) {
			t.Errorf("Literals(%q) are %d, not sorted, not unique, or too many", pattern, len(tags))
		}
		for _, tag := range tags {
			if !re.MatchString(tag) || image.CheckTag(tag) != nil {
				t.Errorf("Literals(%q) has %q, which is no tag or does not match", pattern, tag)
			}
		}
	})
}
