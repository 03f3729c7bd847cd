package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The script for hosts with only kubectl and jq accepts a good list, and fails on every other,
// without changing the file.
func TestDocsScript(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed")
	}
	i := slices.IndexFunc(docsBlocks(t), func(b block) bool {
		return b.page == "docs/cleaners/by-hand.md" && strings.HasPrefix(b.text, "#!/usr/bin/env bash\n")
	})
	if i < 0 {
		t.Fatal("docs/cleaners/by-hand.md has no script")
	}
	script := docsBlocks(t)[i].text
	now := time.Now().UTC().Format(time.RFC3339)
	for name, test := range map[string]struct {
		lists    string
		want     string
		since    string
		protects string
	}{
		"good":           {listJSON("0/1", now, "true", ""), "container/app==v1\n", "", "All"},
		"two":            {listJSON("0/2", now, "true", "") + "," + listJSON("1/2", now, "true", ""), "container/app==v1\n", "", "All"},
		"none":           {"", "", "", "All"},
		"a part":         {listJSON("0/2", now, "true", ""), "", "", "All"},
		"incomplete":     {listJSON("0/1", now, "false", ""), "", "", "All"},
		"old":            {listJSON("0/1", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "true", ""), "", "", "All"},
		"no time":        {listJSON("0/1", "", "true", ""), "", "", "All"},
		"no such time":   {listJSON("0/1", "soon", "true", ""), "", "", "All"},
		"damaged":        {listJSON("0/1", now, "true", "x"), "", "", "All"},
		"one of two":     {listJSON("0/2", now, "true", "") + "," + listJSON("1/2", "", "true", ""), "", "", "All"},
		"later":          {listJSON("0/1", now, "true", ""), "container/app==v1\n", time.Now().Add(-62 * time.Second).UTC().Format(time.RFC3339), "Suspended"},
		"a moment later": {listJSON("0/1", now, "true", ""), "", time.Now().Add(-30 * time.Second).UTC().Format(time.RFC3339), "Suspended"},
		"same second":    {listJSON("0/1", now, "true", ""), "", now, "Suspended"},
		"suspended":      {listJSON("0/1", now, "true", ""), "", "", "Suspended"},
		"no time at all": {listJSON("0/1", now, "true", ""), "", "soon", "Suspended"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			write := func(name, text string, mode os.FileMode) {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), mode); err != nil {
					t.Fatal(err)
				}
			}
			write("lists.json", `{"items":[`+test.lists+`]}`, 0o600)
			write("report.json", fmt.Sprintf(`{"data":{"report.json":"{\"protects\":\"%s\"}"}}`, test.protects), 0o600)
			write("kubectl", "#!/bin/sh\ncase $* in *registry-pins-report*) file=report;; *) file=lists;; esac\ncat "+folder+"/$file.json\n", 0o700)
			write("pins.txt", "before\n", 0o600)
			command := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(script, "/var/lib/cleaner", folder), "script", test.since)
			command.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
			output, err := command.CombinedOutput()
			want := cmp.Or(test.want, "before\n")
			if got, _ := os.ReadFile(filepath.Join(folder, "pins.txt")); string(got) != want || (err == nil) != (test.want != "") {
				t.Errorf("the script returned %v, the file is %q, want %q; printed %s", err, got, want, output)
			}
		})
	}
}

// listJSON returns a ConfigMap of a list; its checksum does not cover more.
func listJSON(shard, syncedAt, complete, more string) string {
	const lines = "container/app==v1\n"
	annotations := map[string]string{
		"pinsync.oleks.space/shard": shard, "pinsync.oleks.space/complete": complete,
		"pinsync.oleks.space/checksum": fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(lines))), "pinsync.oleks.space/synced-at": syncedAt,
	}
	if syncedAt == "" {
		delete(annotations, "pinsync.oleks.space/synced-at")
	}
	text, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": annotations}, "data": map[string]string{"registry-pins.txt": lines + more},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}
