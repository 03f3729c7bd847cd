package object

import "testing"

func TestParseID(t *testing.T) {
	release := ID{HelmRelease, Name{"kotkan", "cms"}}
	for text, want := range map[string]ID{
		"HelmRelease/kotkan/cms": release,
		"kotkan/cms":             release,
		"Other/kotkan/cms":       {"Other", Name{"kotkan", "cms"}},
	} {
		if id, ok := ParseID(text); !ok || id != want {
			t.Errorf("%s: got %v, %t, want %v", text, id, ok, want)
		}
	}
	if id, ok := ParseID(release.String()); !ok || id != release {
		t.Errorf("%s is parsed as %v, %t", release, id, ok)
	}
	for _, text := range []string{"", "*", "cms", "/cms", "kotkan/", "/kotkan/cms", "HelmRelease//cms", "HelmRelease/kotkan/", "a/b/c/d"} {
		if id, ok := ParseID(text); ok {
			t.Errorf("%q is parsed as %v", text, id)
		}
	}
}
