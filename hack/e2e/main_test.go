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
	"sync"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
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
	mu sync.Mutex
	// stops are what stops it.
	stops []func() error
}

// start starts all at the same time.
func (s *shared) start(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "pinsync-e2e-")
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() error { return os.RemoveAll(folder) })
	group, ctx := errgroup.WithContext(ctx)
	for command, binary := range map[string]*string{"./cmd/pinsync": &pinsyncBinary, "./hack/e2e/cleaner": &cleanerBinary} {
		group.Go(func() (err error) {
			*binary, err = local.Build(ctx, folder, command)
			return err
		})
	}
	group.Go(func() error { return begin(ctx, s, &gitea, local.StartGitea, (*local.Gitea).Stop) })
	group.Go(func() error { return begin(ctx, s, &west, startCluster, (*cluster).stop) })
	group.Go(func() error { return begin(ctx, s, &east, startFluxCluster, (*cluster).stop) })
	if err := group.Wait(); err != nil {
		return err
	}
	east.kubelet = startKubelet(ctx, east.client) // it pulls from Gitea
	tokenFile = filepath.Join(folder, "token")
	return os.WriteFile(tokenFile, []byte(gitea.Token), 0o600)
}

// begin starts a part of what is shared, and adds what stops it.
func begin[T any](ctx context.Context, s *shared, part *T, start func(context.Context) (T, error), stop func(T) error) error {
	started, err := start(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*part = started
	s.stops = append(s.stops, func() error { return stop(started) })
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
