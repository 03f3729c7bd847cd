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

// query selects the images of suspended releases that are a repository and a tag.
const query = `.items[] | select(.spec.suspend) | .spec.values | .. | objects |
	select((.repository | type) == "string" and (.tag | type) == "string") | "\(.repository):\(.tag)"`

// maxForKubectl is the largest number of releases with which kubectl and jq are measured. They
// use some 400 KiB of memory per release, in addition to the control plane's.
const maxForKubectl = 20_000

// measureKubectl measures one run of kubectl and jq, if they are installed.
func (b *bench) measureKubectl(ctx context.Context) error {
	kubectl, jq, ok := findTools()
	switch {
	case !ok:
		b.figures.WithoutKubectl = "kubectl or jq is not installed"
	case len(b.apps) > maxForKubectl:
		b.figures.WithoutKubectl = fmt.Sprintf("kubectl and jq are measured with at most %d releases", maxForKubectl)
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
	// This process closes its end of the pipe: only kubectl and jq hold it.
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

// findTools returns the paths of kubectl and jq, and whether both are installed.
func findTools() (kubectl, jq string, ok bool) {
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

// peaksUntil polls the peak memory of two processes until they have ended. The maximum that
// the kernel reports after the end includes the memory of the process that started it.
func peaksUntil(ended <-chan struct{}, commands ...*exec.Cmd) (peaks [2]int64) {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		for i, command := range commands {
			if used, err := usageOf(command.Process.Pid); err == nil {
				peaks[i] = max(peaks[i], used.peak)
			}
		}
		select {
		case <-ended:
			return peaks
		case <-poll.C:
		}
	}
}
