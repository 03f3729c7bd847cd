//go:build e2e

// Package e2e tests pinsync's processes with real API servers, Flux's and Kubernetes'
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
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// What the tests share.
var (
	gitea *local.Gitea
	// clusters are those in which Flux installs releases: each has one test at a time, because a
	// controller sees all releases of its cluster.
	clusters = localtest.Pool[*testbed.Cluster]{Start: startCluster}
	// parts are what is stopped after the tests.
	parts testbed.Parts
	// pinsyncBinary and cleanerBinary are built from the sources, regctlBinary from the version of
	// hack/tools. tokenFile has Gitea's token.
	pinsyncBinary, cleanerBinary, regctlBinary, tokenFile string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	tested := make(chan int, 1)
	code := 1
	err := local.EndWithParent()
	if err == nil {
		err = start(ctx)
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

// start starts what all tests share, at the same time.
func start(ctx context.Context) error {
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
	group.Go(func() error { return testbed.Begin(ctx, &parts, &gitea, local.StartGitea, (*local.Gitea).Stop) })
	if err := group.Wait(); err != nil {
		return err
	}
	tokenFile = filepath.Join(folder, "token")
	return os.WriteFile(tokenFile, []byte(gitea.Token), 0o600)
}

// startCluster starts a cluster with Flux, and with a stand-in for kubelets that pulls from Gitea.
func startCluster(ctx context.Context) (cluster *testbed.Cluster, err error) {
	if err := testbed.Begin(ctx, &parts, &cluster, testbed.StartCluster, (*testbed.Cluster).Stop); err != nil {
		return nil, err
	}
	cluster.Kubelet = testbed.StartKubelet(ctx, cluster.Client, gitea)
	return cluster, nil
}
