//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// exitRefused is the exit code of `pinsync export` when it refuses.
const exitRefused = 3

// host is the machine that the cleaner runs on.
type host struct {
	t        *testing.T
	registry *registry
	clusters []*testbed.Cluster
	// Files: the static pins, and the output and the state of the export.
	static, pins, state string
	// docker is the folder of Docker's configuration.
	docker string
}

func newHost(r *registry) *host {
	r.t.Helper()
	folder := r.t.TempDir()
	h := &host{
		t: r.t, registry: r,
		static: filepath.Join(folder, "static.txt"), pins: filepath.Join(folder, "pins.txt"),
		state: filepath.Join(folder, "state.json"), docker: folder,
	}
	localtest.Must(r.t, os.WriteFile(h.static, []byte("# kept by people\n\ncontainer/by-hand==1\n"), 0o600))
	return h
}

// result is the exit code of a program and what it printed.
type result struct {
	code        int
	out, errOut string
}

// run runs a program to its end.
func (h *host) run(binary string, args ...string) result {
	h.t.Helper()
	return h.runIn(append(os.Environ(), "DOCKER_CONFIG="+h.docker), binary, args...)
}

// runIn runs a program in an environment to its end.
func (h *host) runIn(environment []string, binary string, args ...string) result {
	h.t.Helper()
	command := exec.CommandContext(h.t.Context(), binary, args...)
	command.Env = environment
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	if err := command.Run(); command.ProcessState == nil {
		h.t.Fatal(err)
	}
	return result{command.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// podsRead stands for the time at which the cleaner had read the pods. Nothing is suspended while it
// runs, so that every list will do.
const podsRead = "2000-01-01T00:00:00Z"

// export runs `pinsync export` on the lists of all clusters.
func (h *host) export(args ...string) result {
	h.t.Helper()
	return h.run(pinsyncBinary, slices.Concat([]string{"export", "--since", podsRead, "--wait", "0"}, h.kubeconfigs(), args)...)
}

// kubeconfigs returns the flags for the clusters, with the cleaner's service account.
func (h *host) kubeconfigs() []string {
	var flags []string
	for _, c := range h.clusters {
		flags = append(flags, "--kubeconfig", c.Reader)
	}
	return flags
}

// clean runs the cleaner on files of pins, and returns the versions that it deleted.
func (h *host) clean(pins ...string) []string {
	h.t.Helper()
	args := []string{"-gitea", "http://" + gitea.Host, "-owner", h.registry.Owner, "-token", tokenFile}
	for _, c := range h.clusters {
		args = append(args, "-kubeconfig", c.Admin)
	}
	for _, file := range pins {
		args = append(args, "-pins", file)
	}
	cleaned := h.run(cleanerBinary, args...)
	if cleaned.code != 0 {
		h.t.Fatalf("the cleaner failed: %+v", cleaned)
	}
	deleted := strings.Fields(cleaned.out)
	slices.Sort(deleted)
	return deleted
}

// unit does what a systemd unit with ExecStartPre does: it exports the list, and only if that
// succeeds runs the cleaner with it and the static file.
func (h *host) unit(args ...string) (exported result, deleted []string) {
	h.t.Helper()
	exported = h.export(slices.Concat([]string{"--output-file", h.pins, "--state", h.state}, args)...)
	if exported.code == 0 {
		deleted = h.clean(h.static, h.pins)
	}
	return exported, deleted
}

// cleans runs the unit, whose export must succeed, and expects that exactly these versions
// are deleted.
func (h *host) cleans(want []string, args ...string) {
	h.t.Helper()
	exported, deleted := h.unit(args...)
	if exported.code != 0 || exported.out != "" {
		h.t.Fatalf("the export with --output-file: %+v", exported)
	}
	if !slices.Equal(deleted, slices.Sorted(slices.Values(want))) {
		h.t.Errorf("the cleaner deleted %q, want %q", deleted, want)
	}
}

// refuses runs the unit, whose export must refuse with one line that contains the reason, and
// change nothing.
func (h *host) refuses(reason string, args ...string) {
	h.t.Helper()
	pins, state, versions := h.read(h.pins), h.read(h.state), h.registry.versions()
	exported, deleted := h.unit(args...)
	printed := h.export(append(args, "--state", h.state)...)
	for name, r := range map[string]result{"with --output-file": exported, "without --output-file": printed} {
		if r.code != exitRefused || r.out != "" || strings.Count(r.errOut, "\n") != 1 || !strings.Contains(r.errOut, reason) {
			h.t.Errorf("the export %s: %+v, want a refusal with %q", name, r, reason)
		}
	}
	if len(deleted) > 0 || !slices.Equal(h.registry.versions(), versions) {
		h.t.Errorf("the cleaner has deleted %q; the versions were %q and are %q", deleted, versions, h.registry.versions())
	}
	if h.read(h.pins) != pins || h.read(h.state) != state {
		h.t.Errorf("the files were %q and %q, they are %q and %q", pins, state, h.read(h.pins), h.read(h.state))
	}
}

func (h *host) read(file string) string {
	h.t.Helper()
	text, err := os.ReadFile(file)
	localtest.Must(h.t, err)
	return string(text)
}
