//go:build e2enode && linux

// Package e2enode tests pinsync as it is installed: its image, pulled from a real Gitea, runs in
// Pods of config/default on a real node, with Flux's and Kubernetes' controllers. It needs root,
// and runs in namespaces of its own.
package e2enode

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/hack/local/isolated"
)

// shared is what all tests use, one after the other.
var shared *cluster

func TestMain(m *testing.M) {
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	os.Exit(isolated.Main(isolated.Program{
		Prepare: func(ctx context.Context, place isolated.Place) error { return buildPrograms(ctx, place.Folder) },
		Run: func(place isolated.Place) int {
			// Nothing is stopped: all of it ends with the namespaces.
			var err error
			if shared, err = startCluster(context.Background(), place); err != nil {
				fmt.Fprintln(os.Stderr, "e2enode:", err)
				return 1
			}
			return m.Run()
		},
	}))
}
