// Command soak runs pinsync for some time with real Flux controllers, a real registry and a
// cleaner that deletes whatever nothing needs every few seconds, while a user does random things
// and processes are killed. A witness, which shares no code with pinsync, knows which tags every
// release needs, and asks the registry for them after each run of the cleaner. The command exits
// with code 1 if a tag was lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/hack/local"
)

func main() {
	log.SetLogger(logr.FromSlogHandler(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	duration time.Duration
	seed     uint64
	// pinsync is the binary that is tested; empty, it is built.
	pinsync string
	// logs is the folder of the processes' logs and of the log of all that was done.
	logs string
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var o options
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.DurationVar(&o.duration, "for", 30*time.Minute, "how long to run")
	flags.Uint64Var(&o.seed, "seed", 0, "`NUMBER` that the random actions follow from; 0 takes one of the clock")
	flags.StringVar(&o.pinsync, "pinsync", "", "`FILE` of the pinsync to test; by default it is built")
	flags.StringVar(&o.logs, "logs", "", "`FOLDER` for the processes' logs and the journal; by default bin/soak")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || o.duration <= 0 {
		return fmt.Errorf("-for %s, arguments %q: want more than 0, and no arguments", o.duration, flags.Args())
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	if o.logs == "" {
		root, err := local.Root()
		if err != nil {
			return err
		}
		o.logs = filepath.Join(root, "bin", "soak")
	}
	if err := os.MkdirAll(o.logs, 0o700); err != nil {
		return err
	}
	fmt.Fprintf(out, "Soak of %s with seed %d; logs in %s. Starting ...\n", o.duration, o.seed, o.logs)
	s := &soak{options: &o, figures: newFigures()}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.start(ctx); err != nil {
		return err
	}
	return s.runFor(ctx, rand.New(rand.NewPCG(o.seed, o.seed)), out) //nolint:gosec // it must be repeatable
}
