//go:build e2enode && linux

// Package interrupted tests that nothing is left of the end-to-end tests on a node when they
// are killed.
package interrupted

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// The tests are killed when pinsync's Pods have containers.
func TestNothingIsLeft(t *testing.T) {
	root, err := local.Root()
	localtest.Must(t, err)
	folder := t.TempDir()
	binary := filepath.Join(folder, "e2enode.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "e2enode", "-o", binary, "./hack/e2enode")
	build.Dir = root
	output, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	tests := exec.CommandContext(t.Context(), binary, "-test.run", "^TestInstall$")
	tests.Dir = filepath.Join(root, "hack", "e2enode")
	tests.Env = append(os.Environ(), "TMPDIR="+folder)
	tests.Stderr = os.Stderr
	started, err := local.StartProcess(tests)
	localtest.Must(t, err)

	var found *localtest.Traces
	localtest.Until(t, func() (bool, string) {
		if !started.IsRunning() {
			t.Fatal(started.Failure())
		}
		folders, err := filepath.Glob(filepath.Join(folder, "pinsync-isolated-*"))
		localtest.Must(t, err)
		if len(folders) != 1 {
			return false, strings.Join(folders, ", ") + " are the folders"
		}
		found = localtest.FindTraces(t, folders[0])
		cgroups := containers(found.Cgroups(t))
		return len(cgroups) > 0, "no container runs"
	})
	t.Logf("killed with %d processes", len(found.Processes))
	started.Kill()
	localtest.Until(t, func() (bool, string) {
		left := found.Left(t)
		return len(left) == 0, strings.Join(left, "\n")
	})
}

// containers returns the cgroups of containers with processes.
func containers(roots []string) []string {
	var found []string
	for _, root := range roots {
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error { // some end meanwhile
			if err == nil && entry.Name() == "cgroup.procs" && strings.Contains(path, "/pod") {
				if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
					found = append(found, path)
				}
			}
			return nil
		})
	}
	return found
}
