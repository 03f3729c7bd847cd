//go:build e2e

// Package e2e tests pinsync's processes with two real API servers, Flux's and Kubernetes'
// controllers, a real Gitea, and a cleaner that shares no code with pinsync. No kubelet runs:
// a stand-in starts the Pods whose images it finds in Gitea.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// What the tests share, one after the other.
var (
	gitea *local.Gitea
	// east is the cluster in which Flux installs releases.
	east, west *cluster
	// pinsyncBinary and cleanerBinary are built from the sources, tokenFile has
	// Gitea's token.
	pinsyncBinary, cleanerBinary, tokenFile string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var s shared
	tested := make(chan int, 1)
	code := 1
	err := local.EndWithParent()
	if err == nil {
		err = s.start(ctx)
	}
	if err == nil {
		go func() { tested <- m.Run() }()
		select {
		case code = <-tested:
		case <-ctx.Done():
			err = errors.New("interrupted")
		}
	}
	stop()
	if err = errors.Join(err, s.stop()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// shared is what the tests share.
type shared struct {
	// stops are what stops it, in the order of their starts.
	stops []func() error
}

func (s *shared) start(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "pinsync-e2e-")
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() error { return os.RemoveAll(folder) })
	if pinsyncBinary, err = local.Build(ctx, folder, "./cmd/pinsync"); err != nil {
		return err
	}
	if cleanerBinary, err = local.Build(ctx, folder, "./hack/e2e/cleaner"); err != nil {
		return err
	}
	if gitea, err = local.StartGitea(ctx); err != nil {
		return err
	}
	s.stops = append(s.stops, gitea.Stop)
	tokenFile = filepath.Join(folder, "token")
	if err := os.WriteFile(tokenFile, []byte(gitea.Token), 0o600); err != nil {
		return err
	}
	if west, err = startCluster(ctx); err != nil {
		return err
	}
	s.stops = append(s.stops, west.stop)
	if east, err = startFluxCluster(ctx); err != nil {
		return err
	}
	s.stops = append(s.stops, east.stop)
	return nil
}

// stop stops what was started, the last first.
func (s *shared) stop() error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}
