package localtest

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// Replica is a running `pinsync controller`.
type Replica struct {
	*local.Process
	// Log is what it has written to standard error.
	Log *Log

	t testing.TB
	// failing is set when it does not have to exit with code 0.
	failing bool
}

// StartReplica starts `pinsync controller`, which is stopped when the test ends.
func StartReplica(t testing.TB, binary string, args ...string) *Replica {
	t.Helper()
	r := &Replica{Log: &Log{}, t: t}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...) //nolint:gosec // a binary of the test
	command.Stderr = r.Log
	var err error
	r.Process, err = local.StartProcess(command)
	Must(t, err)
	t.Cleanup(r.Stop)
	return r
}

// Stop stops it as a kubelet does, if it is running, and expects that it exits with code 0.
// It waits until the log has begun: until then SIGTERM ends any process.
func (r *Replica) Stop() {
	r.t.Helper()
	if r.failing {
		return
	}
	err := local.Until(context.WithoutCancel(r.t.Context()), Timeout, func(context.Context) (bool, string) {
		return !r.IsRunning() || strings.Contains(r.Log.String(), "Starting pinsync"), "its log has not begun"
	})
	if err != nil {
		r.t.Errorf("pinsync: %v", err)
	}
	if err := r.Process.Stop(); err != nil {
		r.t.Errorf("pinsync ended with %v; its log:\n%s", err, r.Log)
	}
}

// Kill ends it as the loss of its node does.
func (r *Replica) Kill() {
	r.failing = true
	r.Process.Kill()
}

// MayFail lets it end with an error.
func (r *Replica) MayFail() { r.failing = true }

// Log is a buffer that is read while it is written.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// String returns what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
