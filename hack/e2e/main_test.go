//go:build e2e

// Package e2e tests pinsync's processes with two real API servers, a real Gitea, and a
// cleaner that shares no code with pinsync. Flux's controllers and the kubelet do not run:
// the tests write the statuses that these would.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// What the tests share, one after the other.
var (
	gitea      *local.Gitea
	east, west *cluster
	// pinsyncBinary and cleanerBinary are built from the sources, tokenFile has
	// Gitea's token.
	pinsyncBinary, cleanerBinary, tokenFile string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	code, err := run(context.Background(), m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts what the tests share, runs them, and stops it.
func run(ctx context.Context, m *testing.M) (code int, err error) {
	folder, err := os.MkdirTemp("", "pinsync-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if pinsyncBinary, err = local.Build(ctx, folder, "./cmd/pinsync"); err != nil {
		return 0, err
	}
	if cleanerBinary, err = local.Build(ctx, folder, "./hack/e2e/cleaner"); err != nil {
		return 0, err
	}
	if gitea, err = local.StartGitea(ctx); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, gitea.Stop()) }()
	tokenFile = filepath.Join(folder, "token")
	if err := os.WriteFile(tokenFile, []byte(gitea.Token), 0o600); err != nil {
		return 0, err
	}
	for _, c := range []**cluster{&east, &west} {
		if *c, err = startCluster(ctx); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, (*c).plane.Stop()) }()
	}
	return m.Run(), nil
}
