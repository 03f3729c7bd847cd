package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func load(t *testing.T, text string) (map[version]bool, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pins.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return loadPins(name)
}

func TestLoadPins(t *testing.T) {
	pins, err := load(t, "# kept by hand\n\ncontainer/app==staging  # floating\n  container/team/app==1.2\r\nmaven/app==3\ncontainer/app==last")
	if err != nil {
		t.Fatal(err)
	}
	want := map[version]bool{{"app", "staging"}: true, {"team/app", "1.2"}: true, {"app", "last"}: true}
	if !maps.Equal(pins, want) {
		t.Errorf("got %v", pins)
	}
	for _, line := range []string{"app==staging", "container/app", "container/app=staging", "container/==staging", "container/app=="} {
		if pins, err := load(t, line); err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: got %v and the error %v", line, pins, err)
		}
	}
	if _, err := loadPins(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file is no error")
	}
}

func TestLivePods(t *testing.T) {
	pod := func(phase corev1.PodPhase, images ...string) *corev1.Pod {
		pod := &corev1.Pod{Status: corev1.PodStatus{Phase: phase}}
		pod.Spec.InitContainers = []corev1.Container{{Image: images[0]}}
		for _, image := range images[1:] {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Image: image})
		}
		return pod
	}
	versions := map[version]bool{}
	add(versions, pod(corev1.PodRunning, "git.example.com:3000/oleks/init:1", "git.example.com:3000/oleks/team/app:V2@sha256:ab", "docker.io/oleks/other:3"), "git.example.com:3000/oleks/")
	add(versions, pod(corev1.PodPending, "git.example.com:3000/oleks/app", "git.example.com:3000/oleks/app@sha256:cd"), "git.example.com:3000/oleks/")
	add(versions, pod(corev1.PodSucceeded, "git.example.com:3000/oleks/job:1"), "git.example.com:3000/oleks/")
	add(versions, pod(corev1.PodFailed, "git.example.com:3000/oleks/job:2"), "git.example.com:3000/oleks/")
	want := map[version]bool{
		{"init", "1"}: true, {"team/app", "v2"}: true, {"team/app", "sha256:ab"}: true, {"app", "latest"}: true, {"app", "sha256:cd"}: true,
	}
	if !maps.Equal(versions, want) {
		t.Errorf("got %v", versions)
	}
}

// The command that writes the pins gets the time when the pods were read. If it fails, the cleaner
// ends with its exit code.
func TestExport(t *testing.T) {
	file, since := filepath.Join(t.TempDir(), "args"), time.Now()
	if err := export(t.Context(), []string{"sh", "-c", `echo "$1 $2" >"$0"`, file}, since); err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(file)
	if want := "--since " + since.UTC().Format(time.RFC3339Nano) + "\n"; err != nil || string(args) != want {
		t.Errorf("got %q, %v; want %q", args, err, want)
	}
	var exit *exec.ExitError
	if err := export(t.Context(), []string{"sh", "-c", "exit 3"}, since); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("got %v", err)
	}
}

func TestChoose(t *testing.T) {
	all := []version{
		{"app", "kept"},
		{"app", "sha256:child"},
		{"app", "sha256:other"},
		{"app", "old"},
		{"web", "kept"},
		{"web", "sha256:child"},
		{"web", "sha256:pod"},
		{"web", "sha256:pods-child"},
	}
	kept := map[version]bool{{"app", "kept"}: true, {"web", "sha256:pod"}: true, {"app", "gone"}: true}
	indices := map[version][]string{
		{"app", "kept"}: {"sha256:child"}, {"app", "old"}: {"sha256:other"}, {"web", "sha256:pod"}: {"sha256:pods-child"},
	}
	unneeded, err := choose(all, kept, func(v version) ([]string, error) { return indices[v], nil })
	want := []version{{"app", "sha256:other"}, {"app", "old"}, {"web", "kept"}, {"web", "sha256:child"}}
	if err != nil || !slices.Equal(unneeded, want) {
		t.Errorf("got %v, %v", unneeded, err)
	}
	unneeded, err = choose(all, kept, func(v version) ([]string, error) { return nil, fmt.Errorf("%v: %w", v, errors.ErrUnsupported) })
	if len(unneeded) > 0 || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("with a manifest that cannot be read, got %v, %v", unneeded, err)
	}
}
