package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// Without a word about the pods, only a list that has the tags of live releases, too, is exported.
func TestExportRefusesAListOfSuspendedReleases(t *testing.T) {
	e := newExports(t)
	const remedy = ": let the cleaner read the pods first and add --pods-first, or set releases: All in pinsync's configuration"
	for namespace, test := range map[string]struct{ report, want string }{
		"suspended": {`{"protects":"Suspended"}`, "the list registry-pins has only the tags of suspended releases" + remedy},
		"earlier":   {`{}`, "the list registry-pins has only the tags of suspended releases" + remedy},
		"damaged":   {`{`, "the report on the list registry-pins cannot be read, so the list may have only the tags of suspended releases" + remedy},
		"none":      {"", "the report on the list registry-pins cannot be read, so the list may have only the tags of suspended releases" + remedy},
		"all":       {`{"protects":"All"}`, ""},
		"another":   {`{"protects":"All","list":{"plan":"0"}}`, "the report on the list registry-pins is of an earlier list: that on this one is still to be written"},
	} {
		t.Run(namespace, func(t *testing.T) {
			e.t = t
			e.publish(namespace, "registry-pins", nil, "staging")
			if test.report != "" {
				e.report(namespace, test.report)
			}
			args := []string{"--pinsync-namespace", namespace, "--pods-first=false", "--wait", "0"}
			if test.want == "" {
				e.exported(args...)
				return
			}
			e.refuses(3, test.want, args...)
		})
	}
	// One list of all releases does not make up for one of the suspended ones.
	e.t = t
	e.publish("all", "west", nil, "west")
	e.refuses(3, "the report on the list west cannot be read", "--pinsync-namespace", "all", "--name", "registry-pins", "--name", "west", "--pods-first=false")
	e.refuses(2, "--pods-first and --since: give one of them", "--pinsync-namespace", "all", "--pods-first", "--since", at(time.Now()))
}

// --pods-first requires a list that is of after the start of export, and asks for it.
func TestPodsFirst(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", syncedAt(time.Now().Add(-time.Minute)), "staging")
	e.refuses(3, "the list registry-pins was last known to be current at", "--pinsync-namespace", "one", "--pods-first", "--wait", "0")
	if _, _, errOut := e.run("--pinsync-namespace", "one", "--pods-first", "--wait", "0"); strings.Contains(errOut, "--since") || !regexp.MustCompile(`the pods had been read at [-0-9]+T[0-9:]+Z: `).MatchString(errOut) {
		t.Errorf("printed %q", errOut)
	}
	done := e.changes(step{e.requested(), renew})
	e.exported("--pinsync-namespace", "one", "--pods-first")
	done()
}
