package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
)

const (
	apiServerName = "kube-apiserver"

	// restartTimeout is how long kube-apiserver may take to be ready again, while all its clients
	// connect again on a machine that may be busy.
	restartTimeout = 10 * time.Minute
)

func (c *ControlPlane) pidFile(binary string) string { return filepath.Join(c.folder, binary+".pid") }

func (c *ControlPlane) argsFile(binary string) string { return filepath.Join(c.folder, binary+".args") }

// CrashAPIServer kills kube-apiserver, starts it again and waits until it is ready.
func (c *ControlPlane) CrashAPIServer(ctx context.Context) error {
	if err := c.killAPIServer(ctx); err != nil {
		return fmt.Errorf("killing kube-apiserver: %w", err)
	}
	text, err := os.ReadFile(c.argsFile(apiServerName))
	if err != nil {
		return fmt.Errorf("starting kube-apiserver again: %w", err)
	}
	args := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	log := filepath.Join(c.folder, apiServerName+".log")
	c.apiServer, err = StartLogged(Command(context.WithoutCancel(ctx), args[0], args[1:]...), log)
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	ctx, cancel := c.apiServer.WithEnd(ctx)
	defer cancel()
	err = Until(ctx, restartTimeout, func(ctx context.Context) (bool, string) {
		_, err := clients.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil, fmt.Sprint(err)
	})
	if err != nil {
		return fmt.Errorf("starting kube-apiserver again: %w; its log ends with:\n%s", err, endOf(log))
	}
	return nil
}

// killAPIServer kills kube-apiserver, and waits until its port is free.
func (c *ControlPlane) killAPIServer(ctx context.Context) error {
	if c.apiServer != nil {
		c.apiServer.Kill()
		return nil
	}
	text, err := os.ReadFile(c.pidFile(apiServerName))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return Until(ctx, startTimeout, func(context.Context) (bool, string) {
		return syscall.Kill(pid, 0) != nil, "the killed process"
	})
}

// Crash kills Gitea, starts it again and waits until it is ready.
func (g *Gitea) Crash(ctx context.Context) error {
	g.web.Kill()
	err := g.serve(ctx)
	if err == nil {
		err = g.waitUntilReady(ctx)
	}
	if err != nil {
		return fmt.Errorf("starting Gitea again: %w; its log ends with:\n%s", err, endOf(g.logFile()))
	}
	return nil
}

// StartEnded starts those controllers again that have ended by themselves, as a kubelet does: they end
// when they cannot read from the API server for two minutes after their start. It returns their names.
func (f *Flux) StartEnded(ctx context.Context) (names []string, err error) {
	err = f.forEach(func(c *fluxController) error {
		if c.process.IsRunning() {
			return nil
		}
		names = append(names, c.name)
		return f.startOne(ctx, c)
	})
	return names, err
}

// Crash kills all controllers and starts them again, with the data that they had.
func (f *Flux) Crash(ctx context.Context) error {
	for _, c := range f.controllers {
		c.process.Kill()
	}
	return f.forEach(func(c *fluxController) error { return f.startOne(ctx, c) })
}
