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
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// What the tests share, one after the other.
var (
	gitea *local.Gitea
	// east is the cluster in which Flux installs releases.
	east, west *testbed.Cluster
	// pinsyncBinary and cleanerBinary are built from the sources, regctlBinary from the version of
	// hack/tools. tokenFile has Gitea's token.
	pinsyncBinary, cleanerBinary, regctlBinary, tokenFile string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var parts testbed.Parts
	tested := make(chan int, 1)
	code := 1
	err := local.EndWithParent()
	if err == nil {
		err = start(ctx, &parts)
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
	if err = errors.Join(err, parts.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// start starts all at the same time.
func start(ctx context.Context, parts *testbed.Parts) error {
	folder, err := parts.Folder("pinsync-e2e-")
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for command, binary := range map[string]*string{"./cmd/pinsync": &pinsyncBinary, "./hack/e2e/cleaner": &cleanerBinary} {
		group.Go(func() (err error) {
			*binary, err = local.Build(ctx, folder, command)
			return err
		})
	}
	group.Go(func() (err error) {
		regctlBinary, err = local.BuildTool(ctx, folder, "github.com/regclient/regclient/cmd/regctl")
		return err
	})
	group.Go(func() error { return testbed.Begin(ctx, parts, &gitea, local.StartGitea, (*local.Gitea).Stop) })
	group.Go(func() error {
		return testbed.Begin(ctx, parts, &west, testbed.StartCluster, (*testbed.Cluster).Stop)
	})
	group.Go(func() error {
		return testbed.Begin(ctx, parts, &east, testbed.StartFluxCluster, (*testbed.Cluster).Stop)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	east.Kubelet = testbed.StartKubelet(ctx, east.Client, gitea)
	tokenFile = filepath.Join(folder, "token")
	return os.WriteFile(tokenFile, []byte(gitea.Token), 0o600)
}
