package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// root is the folder of the sources.
const root = "../../"

// docsPages returns the texts of all pages for people, by their paths.
func docsPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	read := func(name string) {
		text, err := os.ReadFile(root + name)
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(text)
	}
	for _, name := range []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} {
		read(name)
	}
	err := fs.WalkDir(os.DirFS(root), "docs", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") {
			read(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// block is a block of code of a page.
type block struct{ page, language, text string }

var fence = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")

// docsBlocks returns the blocks of all pages, in the order of the pages' paths.
func docsBlocks(t *testing.T) []block {
	t.Helper()
	pages := docsPages(t)
	var blocks []block
	for _, page := range sortedKeys(pages) {
		for _, found := range fence.FindAllStringSubmatch(pages[page], -1) {
			text := strings.TrimPrefix(found[3], found[1])
			blocks = append(blocks, block{page, found[2], strings.ReplaceAll(text, "\n"+found[1], "\n")})
		}
	}
	return blocks
}

func sortedKeys(pages map[string]string) []string {
	var names []string
	for name := range pages {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var (
	pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// anchors returns the anchors of a page's headings, as Gitea and GitHub make them.
func anchors(page string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, found[1]))
	}
	return all
}

// No link and no anchor leads nowhere, and the index leads to every page.
func TestDocsLinks(t *testing.T) {
	pages := docsPages(t)
	isIndexed := map[string]bool{}
	for name, text := range pages {
		for _, found := range pageLink.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.HasPrefix(found[1], "https://") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(found[1], "#")
			target := name
			if file != "" {
				target = filepath.Join(filepath.Dir(name), file)
			}
			isIndexed[target] = isIndexed[target] || name == "docs/README.md"
			if _, err := os.Stat(root + target); err != nil {
				t.Errorf("%s: the link %s: %v", name, found[1], err)
			} else if hasAnchor && !slices.Contains(anchors(pages[target]), anchor) {
				t.Errorf("%s: the link %s: %s has no such heading, but %q", name, found[1], target, anchors(pages[target]))
			}
		}
	}
	for name := range pages {
		if strings.HasPrefix(name, "docs/") && name != "docs/README.md" && !isIndexed[name] {
			t.Errorf("docs/README.md has no link to %s", name)
		}
	}
	if _, anchor, _ := strings.Cut(tagGone, "#"); !slices.Contains(anchors(pages["docs/troubleshooting.md"]), anchor) {
		t.Errorf("docs/troubleshooting.md has no heading of %s", tagGone)
	}
}

// Each alert's runbook is its own section.
func TestDocsOfAlerts(t *testing.T) {
	const page = "docs/alerts.md"
	rules, err := os.ReadFile(root + "config/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?s)- alert: (\w+)\n.*?runbook_url: (\S+)\n`).FindAllStringSubmatch(string(rules), -1)
	if len(found) == 0 || len(found) != strings.Count(string(rules), "- alert: ") {
		t.Fatalf("%d alerts have a runbook_url", len(found))
	}
	text := docsPages(t)[page]
	for _, alert := range found {
		anchor := strings.ToLower(alert[1])
		if want := "https://git.oleks.space/oleks/pinsync/src/branch/main/" + page + "#" + anchor; alert[2] != want {
			t.Errorf("the runbook of %s is %s, want %s", alert[1], alert[2], want)
		}
		_, section, ok := strings.Cut(text, "\n## "+alert[1]+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, part := range []string{"Meaning", "Impact", "Diagnosis", "Mitigation"} {
			if !ok || !strings.Contains(section, "**"+part+".**") {
				t.Errorf("%s has no %s of %s", page, part, alert[1])
			}
		}
	}
}

// The page of alerts has every reason where the rule of PinsyncReleaseUnresolved has it.
func TestDocsOfUnresolved(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(root + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	excluded := regexp.MustCompile(`reason!~"([^"]*)"`).FindStringSubmatch(read("config/prometheus/rules.yaml"))
	_, section, _ := strings.Cut(read("docs/alerts.md"), "\n## PinsyncReleaseUnresolved\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*`) \\| (.*) \\|$").FindAllStringSubmatch(section, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			rows[strings.Trim(name, "`")] = row[2]
		}
	}
	for _, found := range regexp.MustCompile(`Reason = "(\w+)"`).FindAllStringSubmatch(read("api/v1alpha1/report.go"), -1) {
		reason := found[1]
		fires := !slices.Contains(strings.Split(excluded[1], "|"), reason)
		if reason != string(v1alpha1.ReasonInvalidObject) && (rows[reason] == "" || fires != (rows[reason] == "this alert")) { // that is for plan only
			t.Errorf("docs/alerts.md has %s as %q, and the rule fires for it: %t", reason, rows[reason], fires)
		}
	}
}

// The page of the configuration has a valid example with every field, and that of problems every
// reason.
func TestDocsAreComplete(t *testing.T) {
	pages := docsPages(t)
	example := ""
	for _, b := range docsBlocks(t) {
		if b.page == "docs/configuration.md" {
			example = b.text
		}
	}
	if _, err := configuration.Parse([]byte(example)); err != nil {
		t.Errorf("docs/configuration.md: %v", err)
	}
	for _, fields := range []reflect.Type{
		reflect.TypeFor[v1alpha1.Configuration](), reflect.TypeFor[v1alpha1.Registry](), reflect.TypeFor[v1alpha1.HoldConfiguration](),
	} {
		for _, field := range reflect.VisibleFields(fields) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !regexp.MustCompile(`(?m)^[- ]*` + name + `:( |$)`).MatchString(example) {
				t.Errorf("the example of docs/configuration.md does not show %s", name)
			}
		}
	}
	source, err := os.ReadFile(root + "api/v1alpha1/report.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range regexp.MustCompile(`Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(pages["docs/troubleshooting.md"], "| `"+reason[1]+"` |") {
			t.Errorf("docs/troubleshooting.md does not describe %s", reason[1])
		}
	}
}

var (
	inline       = regexp.MustCompile("`(pinsync [a-z][^`]*)`")
	continuation = regexp.MustCompile(`\\\n\s*`)
	invocation   = regexp.MustCompile(`(?m)(?:^|[\s|;&(=/])(pinsync [a-z][^|;&)\n]*)`)
	word         = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)
)

// Every command of pinsync in a text or a block has flags and arguments that it takes, and every
// script can be parsed.
func TestDocsCommands(t *testing.T) {
	commands := 0
	check := func(page, text string) {
		for _, found := range invocation.FindAllStringSubmatch(continuation.ReplaceAllString(text, " "), -1) {
			commands++
			checkCommand(t, page, found[1])
		}
	}
	for page, text := range docsPages(t) {
		for _, found := range inline.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			check(page, found[1])
		}
	}
	for _, b := range docsBlocks(t) {
		switch b.language {
		case "sh":
			check(b.page, b.text)
			if output, err := exec.CommandContext(t.Context(), "bash", "-n", "-c", b.text).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s\n%s", b.page, err, output, b.text)
			}
		case "console", "ini", "nix":
			check(b.page, b.text)
		}
	}
	if commands < 30 {
		t.Errorf("only %d commands were found", commands)
	}
}

// checkCommand checks a command of pinsync with its flags and arguments.
func checkCommand(t *testing.T, page, text string) {
	t.Helper()
	var args []string
	for _, arg := range word.FindAllString(text, -1)[1:] {
		if arg = strings.Trim(arg, `"'`); arg != "…" {
			args = append(args, arg)
		}
	}
	command, rest, err := newRootCommand("pinsync").Find(args)
	if err == nil && command.Parent() == nil {
		t.Errorf("%s: %q: there is no such command", page, text)
	}
	if err == nil {
		err = command.ParseFlags(rest)
	}
	// A text may name a command without its arguments.
	if err == nil && len(command.Flags().Args()) > 0 {
		err = command.ValidateArgs(command.Flags().Args())
	}
	if err != nil {
		t.Errorf("%s: %q: %v", page, text, err)
	}
}
