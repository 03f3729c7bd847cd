package image

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := map[string]Reference{
		"git.oleks.space/oleks/cms-plugins:staging": {Repository{"git.oleks.space", "oleks/cms-plugins"}, "staging", ""},
		"git.oleks.space/oleks/a/b:V1.2":            {Repository{"git.oleks.space", "oleks/a/b"}, "V1.2", ""},
		"nginx":                                     {Repository{"docker.io", "library/nginx"}, "", ""},
		"nginx:1.25":                                {Repository{"docker.io", "library/nginx"}, "1.25", ""},
		"index.docker.io/library/nginx:1":           {Repository{"docker.io", "library/nginx"}, "1", ""},
		"dsavell/grav":                              {Repository{"docker.io", "dsavell/grav"}, "", ""},
		"localhost:5000/app:1":                      {Repository{"localhost:5000", "app"}, "1", ""},
		"Git.Oleks.Space:443/Oleks/App:RC":          {Repository{"git.oleks.space", "oleks/app"}, "RC", ""},
		"registry:443/app:1":                        {Repository{"registry:443", "app"}, "1", ""},
		"[1]:443/app:1":                             {Repository{"[1]:443", "app"}, "1", ""},
		"[::1]:443/app:1":                           {Repository{"[::1]", "app"}, "1", ""},
		"ghcr.io/a/b:c@" + digest:                   {Repository{"ghcr.io", "a/b"}, "c", digest},
		"ghcr.io/a/b@" + digest:                     {Repository{"ghcr.io", "a/b"}, "", digest},
	}
	for s, want := range tests {
		got, err := Parse(s)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", s, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{
		"", "a b", "ghcr.io/a:b:c", "ghcr.io/a==b:c", "ghcr.io/a:b==c", "ghcr.io/a:b\nc", "ghcr.io//a:b",
		"https://ghcr.io/a:b", "ghcr.io/a:-b", "ghcr.io/a@sha256:12", "ghcr.io/-a:b", "/a:b", "un_der.io/a:b", "g.io/o/\u212aelvin:1",
	} {
		if got, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", s, got)
		}
	}
}

func TestParseHost(t *testing.T) {
	for s, want := range map[string]string{
		"git.oleks.space": "git.oleks.space", "GIT.oleks.space:443": "git.oleks.space", "localhost:5000": "localhost:5000",
		"localhost": "localhost", "[::1]:5000": "[::1]:5000",
	} {
		if got, err := ParseHost(s); err != nil || got != want {
			t.Errorf("ParseHost(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"", "https://git.oleks.space", "git.oleks.space/oleks", "git.oleks.space/", "git", "a b.c"} {
		if got, err := ParseHost(s); err == nil {
			t.Errorf("ParseHost(%q) = %q, want an error", s, got)
		}
	}
}

func TestQuoteIsBounded(t *testing.T) {
	if got := Quote(strings.Repeat("x", 1<<20)); len(got) > maxQuote+10 {
		t.Errorf("%d bytes", len(got))
	}
	if _, err := Parse(strings.Repeat("x:", 1<<19)); err == nil || len(err.Error()) > 2*maxQuote {
		t.Errorf("%d bytes", len(err.Error()))
	}
}
