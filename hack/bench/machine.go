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

// machine is where it was measured.
type machine struct {
	Cores       int    `json:"cores"`
	CPU         string `json:"cpu"`
	MemoryBytes int64  `json:"memoryBytes"`
	Go          string `json:"go"`
}

// describe begins a result with what is measured, when and where.
func (o *options) describe(ctx context.Context) (*result, error) {
	r := &result{Date: time.Now().UTC().Round(time.Second)}
	version, err := exec.CommandContext(ctx, o.binary, "--version").Output() //nolint:gosec // the binary that was built
	if err != nil {
		return nil, fmt.Errorf("%s cannot be run, make build builds it: %w", o.binary, err)
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

// kilobytes reads a field that is in kB, in bytes.
func kilobytes(name, key string) (int64, error) {
	value, err := field(name, key)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	return number << 10, err
}

// field returns the value of the first line `key: value` of a file of Linux.
func field(name, key string) (string, error) {
	text, err := os.ReadFile(name) //nolint:gosec // a file of Linux
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if found, value, _ := strings.Cut(line, ":"); strings.TrimSpace(found) == key {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", name, key)
}
