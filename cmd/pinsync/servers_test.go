package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// server is a process of the control plane.
type server struct {
	pid  int
	args []string
}

// apiServer finds the kube-apiserver of the deployment.
func (d *deployment) apiServer() *server {
	d.t.Helper()
	address, err := url.Parse(d.plane.Config.Host)
	localtest.Must(d.t, err)
	return findServer(d.t, "kube-apiserver", "--secure-port="+address.Port())
}

// etcd finds the etcd of the deployment's kube-apiserver.
func (d *deployment) etcd() *server {
	d.t.Helper()
	const flag = "--etcd-servers="
	for _, arg := range d.apiServer().args {
		if urls, ok := strings.CutPrefix(arg, flag); ok {
			return findServer(d.t, "etcd", "--advertise-client-urls="+urls)
		}
	}
	d.t.Fatalf("kube-apiserver has no %s", flag)
	return nil
}

// findServer finds the running process of that name and argument among the test's children.
func findServer(t *testing.T, name, arg string) *server {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // the process has ended
		}
		// pid (name) state parent …
		own, rest, ok := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if !ok || !strings.HasSuffix(own, "("+name[:min(len(name), 15)]) || fields[0] == "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
		pid, convErr := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil || convErr != nil {
			t.Fatal(err, convErr)
		}
		if args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"); slices.Contains(args, arg) {
			return &server{pid: pid, args: args}
		}
	}
	t.Fatalf("no child process %s with the argument %s is running", name, arg)
	return nil
}

func (s *server) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	localtest.Must(t, syscall.Kill(s.pid, signal))
}

// restart kills a server and starts it again with the same arguments.
func (s *server) restart(t *testing.T, meanwhile func()) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	meanwhile()
	localtest.Until(t, func() (bool, string) {
		return syscall.Kill(s.pid, 0) != nil, "the killed process, which uses the port"
	})
	command := exec.CommandContext(context.WithoutCancel(t.Context()), s.args[0], s.args[1:]...)
	log := &localtest.Log{}
	command.Stderr = log
	process, err := local.StartProcess(command)
	localtest.Must(t, err)
	s.pid = process.PID()
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Log(log)
		}
	})
}

// isReady reports whether the API server is ready.
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
