package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// server is a process of the control plane.
type server struct {
	pid  int
	args []string
}

// findServer finds the running process of that name among the test's children.
func findServer(t *testing.T, name string) *server {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …
		own, rest, found := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if !found || !strings.HasSuffix(own, "("+name[:min(len(name), 15)]) || fields[0] == "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
		pid, convErr := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil || convErr != nil {
			t.Fatal(err, convErr)
		}
		var args []string
		for arg := range bytes.SplitSeq(bytes.TrimSuffix(line, []byte{0}), []byte{0}) {
			args = append(args, string(arg))
		}
		return &server{pid: pid, args: args}
	}
	t.Fatalf("there is no process %s", name)
	return nil
}

func (s *server) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.pid, signal); err != nil {
		t.Fatal(err)
	}
}

// restart kills a server and starts it again, as it was started before.
func (s *server) restart(t *testing.T, meanwhile func()) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	meanwhile()
	for syscall.Kill(s.pid, 0) == nil {
		time.Sleep(10 * time.Millisecond) // its port is in use until it is gone
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), s.args[0], s.args[1:]...)
	var log lockedBuffer
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = command.Process.Pid
	t.Cleanup(func() {
		if err := command.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = command.Wait() // it was killed
		if t.Failed() {
			t.Log(log.String())
		}
	})
}

// isReady says whether the API server is.
func isReady(ctx context.Context, config *rest.Config) (bool, string) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return false, err.Error()
	}
	client.Timeout = time.Second
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(config.Host, "/")+"/readyz", nil)
	if err != nil {
		return false, err.Error()
	}
	response, err := client.Do(request)
	if err != nil {
		return false, err.Error()
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK, fmt.Sprint(response.Status)
}
