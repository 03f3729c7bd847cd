package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// The README's example of a configuration is valid, and has every field.
func TestREADMEIsUpToDate(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	_, example, _ := strings.Cut(readme, "## Configuration\n\n```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := configuration.Parse([]byte(example)); err != nil {
		t.Errorf("the README's configuration: %v", err)
	}
	for _, fields := range []reflect.Type{reflect.TypeFor[v1alpha1.Configuration](), reflect.TypeFor[v1alpha1.Registry]()} {
		for _, field := range reflect.VisibleFields(fields) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(example, name+": ") && !strings.Contains(example, name+":\n") {
				t.Errorf("the README's configuration does not show %s", name)
			}
		}
	}
}

// The API server accepts the manifests in the README.
func TestREADMEApplies(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	d := deploy(t)
	d.kubectl("apply", "-k", "config/components/cleaner-access")
	_, job, ok := strings.Cut(string(text), "```yaml\napiVersion: batch/v1\n")
	job, _, ends := strings.Cut(job, "```")
	if !ok || !ends {
		t.Fatal("the README has no CronJob")
	}
	file := d.file("job.yaml", "apiVersion: batch/v1\n"+job)
	d.kubectl("apply", "--validate=strict", "-f", file)
	// The controller that creates a Job's pods does not run here.
	var cronJob batchv1.CronJob
	localtest.Must(t, d.client.Get(t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: "registry-cleaner"}, &cronJob))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "registry-cleaner"},
		Spec:       cronJob.Spec.JobTemplate.Spec.Template.Spec,
	}
	if err := d.client.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("the namespace rejects the CronJob's pods: %v", err)
	}
}

// The script in the README for hosts with only kubectl and jq accepts a good list, and fails
// on every other, without changing the file.
func TestREADMEScript(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed")
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, found := strings.Cut(string(text), "```sh\n#!/usr/bin/env bash\n")
	script, _, ends := strings.Cut(script, "```")
	if !found || !ends {
		t.Fatal("the README has no script")
	}
	now := time.Now().UTC().Format(time.RFC3339)
	for name, test := range map[string]struct {
		lists string
		want  string
		since string
	}{
		"good":           {listJSON("0/1", now, "true", ""), "container/app==v1\n", ""},
		"two":            {listJSON("0/2", now, "true", "") + "," + listJSON("1/2", now, "true", ""), "container/app==v1\n", ""},
		"none":           {"", "", ""},
		"a part":         {listJSON("0/2", now, "true", ""), "", ""},
		"incomplete":     {listJSON("0/1", now, "false", ""), "", ""},
		"old":            {listJSON("0/1", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "true", ""), "", ""},
		"no time":        {listJSON("0/1", "", "true", ""), "", ""},
		"no such time":   {listJSON("0/1", "soon", "true", ""), "", ""},
		"damaged":        {listJSON("0/1", now, "true", "x"), "", ""},
		"one of two":     {listJSON("0/2", now, "true", "") + "," + listJSON("1/2", "", "true", ""), "", ""},
		"later":          {listJSON("0/1", now, "true", ""), "container/app==v1\n", time.Now().Add(-time.Second).UTC().Format(time.RFC3339)},
		"same second":    {listJSON("0/1", now, "true", ""), "", now},
		"no time at all": {listJSON("0/1", now, "true", ""), "", "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			write := func(name, text string, mode os.FileMode) {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), mode); err != nil {
					t.Fatal(err)
				}
			}
			write("lists.json", `{"items":[`+test.lists+`]}`, 0o600)
			write("kubectl", "#!/bin/sh\ncat "+filepath.Join(folder, "lists.json")+"\n", 0o700)
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
