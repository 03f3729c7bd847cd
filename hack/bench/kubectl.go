package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// query finds the images of suspended releases that are easy to find.
const query = `.items[] | select(.spec.suspend) | .spec.values | .. | objects |
	select((.repository | type) == "string" and (.tag | type) == "string") | "\(.repository):\(.tag)"`

// mostForKubectl is with how many releases kubectl and jq are still measured. They take some
// 400 KiB of memory for each, which must be there beside the control plane's.
const mostForKubectl = 20_000

// measureKubectl measures one pass of kubectl and jq, if they are installed.
func (b *bench) measureKubectl(ctx context.Context) error {
	kubectl, jq, found := findTools()
	switch {
	case !found:
		b.figures.WithoutKubectl = "no kubectl or no jq was installed"
	case len(b.apps) > mostForKubectl:
		b.figures.WithoutKubectl = fmt.Sprintf("kubectl and jq are measured with at most %d", mostForKubectl)
	}
	if b.figures.WithoutKubectl != "" {
		progress("%d releases: %s", len(b.apps), b.figures.WithoutKubectl)
		return nil
	}
	progress("%d releases: kubectl | jq", len(b.apps))
	from := exec.CommandContext(ctx, kubectl, "--kubeconfig", b.kubeconfig, "get", "helmreleases", "-A", "-o", "json") //nolint:gosec // a kubectl
	to := exec.CommandContext(ctx, jq, "-r", query)                                                                    //nolint:gosec // a jq
	from.Stderr, to.Stderr = os.Stderr, os.Stderr
	pipe, err := from.StdoutPipe()
	if err != nil {
		return err
	}
	to.Stdin = pipe
	began := time.Now()
	// Once both have their end of the pipe, each sees the other end.
	if err := errors.Join(from.Start(), to.Start(), pipe.Close()); err != nil {
		return err
	}
	peaks := make(chan [2]int64, 1)
	ended := make(chan struct{})
	go func() { peaks <- peaksUntil(ended, from, to) }()
	err = errors.Join(to.Wait(), from.Wait())
	close(ended)
	if err != nil {
		return fmt.Errorf("kubectl | jq: %w", err)
	}
	peak := <-peaks
	cpu := from.ProcessState.UserTime() + from.ProcessState.SystemTime() + to.ProcessState.UserTime() + to.ProcessState.SystemTime()
	b.figures.Kubectl = &kubectlPass{
		Seconds: time.Since(began).Seconds(), CPUSeconds: cpu.Seconds(), KubectlPeakBytes: peak[0], JQPeakBytes: peak[1],
	}
	return nil
}

// findTools returns where kubectl and jq are, and whether both are installed.
func findTools() (kubectl, jq string, found bool) {
	kubectl, err := local.FindKubectl()
	if err != nil {
		return "", "", false
	}
	if _, err := os.Stat(kubectl); err != nil {
		return "", "", false
	}
	jq, err = exec.LookPath("jq")
	return kubectl, jq, err == nil
}

// peaksUntil looks at the peak memory of two processes until they have ended. The kernel's
// own account of an ended process begins with what the process had that started it.
func peaksUntil(ended <-chan struct{}, commands ...*exec.Cmd) (peaks [2]int64) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		for i, command := range commands {
			if used, err := usageOf(command.Process.Pid); err == nil {
				peaks[i] = max(peaks[i], used.peak)
			}
		}
		select {
		case <-ended:
			return peaks
		case <-look.C:
		}
	}
}
