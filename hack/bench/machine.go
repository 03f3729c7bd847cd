package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// machine describes the machine of the measurements.
type machine struct {
	Cores       int    `json:"cores"`
	CPU         string `json:"cpu"`
	MemoryBytes int64  `json:"memoryBytes"`
	Go          string `json:"go"`
}

// describe returns a result with the versions, the time and the machine.
func (o *options) describe(ctx context.Context) (*result, error) {
	r := &result{Date: time.Now().UTC().Round(time.Second)}
	version, err := exec.CommandContext(ctx, o.binary, "--version").Output() //nolint:gosec // the binary that was built
	if err != nil {
		return nil, fmt.Errorf("running %s, which make build builds: %w", o.binary, err)
	}
	r.Pinsync = strings.TrimSpace(string(version))
	if r.Etcd, r.KubeAPIServer, err = local.Versions(ctx); err != nil {
		return nil, err
	}
	r.Machine = machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if r.Machine.CPU, err = field("/proc/cpuinfo", "model name"); err != nil {
		return nil, err
	}
	r.Machine.MemoryBytes, err = kilobytes("/proc/meminfo", "MemTotal")
	return r, err
}

// kilobytes reads a field in kB and returns it in bytes.
func kilobytes(name, key string) (int64, error) {
	value, err := field(name, key)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	return number << 10, err
}

// field returns the value of the first line `key: value` of a file below /proc.
func field(name, key string) (string, error) {
	text, err := os.ReadFile(name) //nolint:gosec // a file below /proc
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if k, value, _ := strings.Cut(line, ":"); strings.TrimSpace(k) == key {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", name, key)
}
