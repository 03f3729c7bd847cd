package local

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The error has what was found last, or the end of the process that was waited for.
func TestUntil(t *testing.T) {
	never := func(context.Context) (bool, string) { return false, "two of three" }
	err := Until(t.Context(), 3*pollInterval, never)
	if err == nil || !strings.HasSuffix(err.Error(), "found last: two of three") {
		t.Errorf("got %v", err)
	}
	p, err := StartProcess(exec.CommandContext(t.Context(), "false"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := p.WithEnd(t.Context())
	defer cancel()
	if err := Until(ctx, time.Minute, never); err == nil || !strings.Contains(err.Error(), "false ended unexpectedly (exit status 1)") {
		t.Errorf("got %v", err)
	}
}

// Stop returns how the process has ended, and Kill waits for the end.
func TestStop(t *testing.T) {
	for script, want := range map[string]string{
		"trap 'exit 0' TERM; echo; while :; do sleep 0.01; done": "",
		"trap 'exit 3' TERM; echo; while :; do sleep 0.01; done": "exit status 3",
	} {
		begun := make(begin, 1)
		command := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", script)
		command.Stdout = begun
		p, err := StartProcess(command)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		<-begun
		got := ""
		if err := p.Stop(); err != nil {
			got = err.Error()
		}
		if got != want || p.IsRunning() {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
}

// begin receives a value when a script has set its trap.
type begin chan struct{}

func (b begin) Write(p []byte) (int, error) {
	b <- struct{}{}
	return len(p), nil
}
