package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/hack/local"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == renderName { // started by a command that renders charts
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	// The width of what tests print is the default.
	os.Unsetenv("COLUMNS")
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	os.Exit(withFolder(m))
}

// sharedFolder is for what all tests share.
var sharedFolder string

func withFolder(m *testing.M) int {
	var err error
	if sharedFolder, err = os.MkdirTemp("", "pinsync-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(sharedFolder)
	return m.Run()
}

// build builds pinsync, once for all tests, and returns the binary.
var build = sync.OnceValues(func() (string, error) {
	return local.Build(context.Background(), sharedFolder, "./cmd/pinsync")
})
