package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The script of the page deletes a tag that was unneeded 12 hours ago, too, and in every run since.
func TestDocsRegctlWaits(t *testing.T) {
	c := newRegctlScript(t)
	c.expect(0, "")
	c.expect(11, "")
	c.edit("registry", "push sha256:p", "push sha256:again")
	c.edit("list", "r/o/app:asleep", "r/o/app:asleep\nr/o/app:roll")
	c.expect(13, "deleted r/o/app:old\n")
	c.edit("list", "\nr/o/app:roll", "")
	c.edit("registry", "r/o/app:live", "r/o/app:old sha256:o\nr/o/app:live")
	c.expect(24, "")
	c.expect(25, "deleted r/o/app:push\n")
	c.expect(36, "deleted r/o/app:old\ndeleted r/o/app:roll\n")
	c.expect(99, "")
	if got := c.read("registry"); got != keptTags {
		t.Errorf("the registry has\n%s\nwant\n%s", got, keptTags)
	}
}

// A tag that a run has found needed begins to wait again, even if the run has failed afterwards.
func TestDocsRegctlWaitsAfterAFailedRun(t *testing.T) {
	c := newRegctlScript(t)
	c.expect(0, "")
	c.edit("list", "r/o/app:asleep", "r/o/app:asleep\nr/o/app:roll")
	c.fail(0, "image digest r/o/app:old", "")
	c.edit("list", "\nr/o/app:roll", "")
	c.expect(13, "deleted r/o/app:old\ndeleted r/o/app:push\n")
}

// So does one of which a run has seen another digest.
func TestDocsRegctlWaitsAfterAnotherDigest(t *testing.T) {
	c := newRegctlScript(t)
	c.expect(0, "")
	c.edit("registry", "r/o/app:old sha256:o", "r/o/app:old sha256:other")
	c.fail(0, "image digest r/o/app:roll", "")
	c.edit("registry", "r/o/app:old sha256:other", "r/o/app:old sha256:o")
	c.expect(13, "deleted r/o/app:push\ndeleted r/o/app:roll\n")
}

// So does one that a run has deleted, and that is pushed again.
func TestDocsRegctlWaitsAfterADeletion(t *testing.T) {
	c := newRegctlScript(t)
	c.expect(0, "")
	c.fail(13, "image digest r/o/app:roll", "deleted r/o/app:old\ndeleted r/o/app:push\n")
	c.edit("registry", "r/o/app:roll", "r/o/app:old sha256:o\nr/o/app:roll")
	c.expect(14, "deleted r/o/app:roll\n")
}

// A registry may have several names, and a name may be written with the port that is the default.
func TestDocsRegctlNames(t *testing.T) {
	c := newRegctlScript(t)
	c.repository = "git.example.com:443/o/app"
	c.write("registry", "git.example.com:443/o/app:asleep sha256:a\ngit.example.com:443/o/app:live sha256:l\ngit.example.com:443/o/app:old sha256:o\n")
	c.write("list", "gitea-http.gitea.svc:3000/o/app:asleep\n")
	c.write("cluster", `{"items":[{"image":"git.example.com/o/app:live"}]}`)
	c.expect(0, "")
	c.expect(24, "deleted git.example.com:443/o/app:old\n")
}

// A tag that is pushed after the tags were listed stays, even if one like it was unneeded before.
func TestDocsRegctlListsTheTagsFirst(t *testing.T) {
	c := newRegctlScript(t)
	c.expect(0, "")
	c.edit("registry", unneededTags, "")
	c.write("on-kubectl", "printf 'r/o/app:old sha256:o\\n' >>registry")
	c.expect(24, "")
	if got, want := c.read("registry"), keptTags+"r/o/app:old sha256:o\n"; got != want {
		t.Errorf("the registry has\n%s\nwant\n%s", got, want)
	}
}

// A run beside another one deletes nothing, and does not disturb it.
func TestDocsRegctlRunsOnce(t *testing.T) {
	c := newRegctlScript(t)
	c.expect(0, "")
	c.write("on-pinsync", "rm on-pinsync; ./clean-registry r/o/app >second 2>&1 || echo failed >>second; cp registry between")
	c.expect(24, "deleted r/o/app:old\ndeleted r/o/app:push\ndeleted r/o/app:roll\n")
	if got, want := c.read("second"), "clean-registry: another run uses "+c.folder+": nothing was deleted\nfailed\n"; got != want {
		t.Errorf("the second run printed %q, want %q", got, want)
	}
	if got := c.read("between"); got != keptTags+unneededTags {
		t.Errorf("after the second run, the registry had\n%s", got)
	}
}

// If anything cannot be read, nothing is deleted.
func TestDocsRegctlRefuses(t *testing.T) {
	for name, change := range map[string]func(*regctlScript){
		"the tags":          func(c *regctlScript) { c.write("on-regctl", "exit 1") },
		"the cluster":       func(c *regctlScript) { c.write("on-kubectl", "exit 1") },
		"no answer":         func(c *regctlScript) { c.write("cluster", "") },
		"an empty cluster":  func(c *regctlScript) { c.write("cluster", `{"items":[]}`) },
		"the list":          func(c *regctlScript) { c.write("on-pinsync", "exit 3") },
		"the state":         func(c *regctlScript) { c.write("unneeded.txt", "r/o/app:old sha256:o yesterday\n") },
		"a digest":          func(c *regctlScript) { c.write("on-regctl", `[ "$1 $2" != "image digest" ] || exit 1`) },
		"a digest is empty": func(c *regctlScript) { c.write("on-regctl", `[ "$1 $2" != "image digest" ] || exit 0`) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newRegctlScript(t)
			c.expect(0, "")
			change(c)
			c.write("clock", strconv.Itoa(24*3600))
			output, err := c.run()
			if got := c.read("registry"); got != keptTags+unneededTags || err == nil && name != "a digest is empty" {
				t.Errorf("the script returned %v and printed %q, the registry has\n%s", err, output, got)
			}
		})
	}
}

// regctlScript is the script of docs/cleaners/regctl.md in its folder, with stand-ins for the programs that it runs.
type regctlScript struct {
	t                  *testing.T
	folder, repository string
}

// The tags of the registry, each with its digest.
const (
	keptTags = "r/o/app:live sha256:l\nr/o/app:latest sha256:t\nr/o/app:Asleep sha256:a\nr/o/app:by-digest sha256:d\n" +
		"r/o/app:sha256-0.sig sha256:s\nr/o/other:old sha256:o\n"
	unneededTags = "r/o/app:old sha256:o\nr/o/app:push sha256:p\nr/o/app:roll sha256:r\n"
)

func newRegctlScript(t *testing.T) *regctlScript {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed")
	}
	i := slices.IndexFunc(docsBlocks(t), func(b block) bool {
		return b.page == "docs/cleaners/regctl.md" && strings.HasPrefix(b.text, "#!/usr/bin/env bash\n")
	})
	if i < 0 {
		t.Fatal("docs/cleaners/regctl.md has no script")
	}
	c := &regctlScript{t, t.TempDir(), "r/o/app"}
	c.write("clean-registry", docsBlocks(t)[i].text)
	// Where there is a file on-PROGRAM, it runs before the program, and may fail instead of it.
	for name, script := range map[string]string{
		"regctl": `case "$1 $2" in
"tag ls") sed -n "s|^$3:\(.*\) .*|\1|p" registry ;;
"image digest") sed -n "s|^$3 ||p" registry ;;
"tag delete") grep -q "^$3 " registry; sed -i "\|^$3 |d" registry ;;
esac`,
		"kubectl": "cat cluster",
		"pinsync": `while [ "$1" != --output-file ]; do shift; done; cp list "$2"`,
		"date":    "cat clock",
	} {
		c.write(name, "#!/bin/bash\nset -e\nif [ -e on-"+name+" ]; then . ./on-"+name+"; fi\n"+script+"\n")
	}
	c.write("cluster", `{"items":[{"image":"r/o/app:live"},{"image":"r/o/app"},{"imageID":"r/o/app@sha256:d"}]}`)
	c.write("list", "r/o/app:asleep\n")
	c.write("registry", keptTags+unneededTags)
	c.write("clock", "0")
	return c
}

// run runs the script, and returns what it printed.
func (c *regctlScript) run() (string, error) {
	c.t.Helper()
	command := exec.CommandContext(c.t.Context(), filepath.Join(c.folder, "clean-registry"), c.repository)
	command.Env = append(os.Environ(), "PATH="+c.folder+":"+os.Getenv("PATH"), "STATE_DIRECTORY="+c.folder)
	output, err := command.CombinedOutput()
	return string(output), err
}

// expect runs the script at an hour, which must succeed and print this.
func (c *regctlScript) expect(hour int, want string) {
	c.t.Helper()
	c.write("clock", strconv.Itoa(hour*3600))
	if got, err := c.run(); err != nil || got != want {
		c.t.Errorf("at %d:00 the script returned %v and printed %q, want %q", hour, err, got, want)
	}
}

// fail runs the script at an hour where a command of regctl fails, and then the script must, after it has printed this.
func (c *regctlScript) fail(hour int, command, want string) {
	c.t.Helper()
	c.write("clock", strconv.Itoa(hour*3600))
	c.write("on-regctl", `[ "$1 $2 $3" != "`+command+`" ] || exit 1`)
	if output, err := c.run(); err == nil || output != want {
		c.t.Fatalf("at %d:00 the script returned %v and printed %q, want a failure and %q", hour, err, output, want)
	}
	c.write("on-regctl", "")
}

// edit replaces a text in a file that has it.
func (c *regctlScript) edit(name, before, after string) {
	c.t.Helper()
	text := c.read(name)
	if !strings.Contains(text, before) {
		c.t.Fatalf("%s has no %q: %q", name, before, text)
	}
	c.write(name, strings.ReplaceAll(text, before, after))
}

func (c *regctlScript) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, name), []byte(text), 0o700); err != nil {
		c.t.Fatal(err)
	}
}

func (c *regctlScript) read(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.folder, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}
