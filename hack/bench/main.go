// Command bench measures pinsync on control planes of this machine with made-up
// clusters, beside what does only a part of its work, in the same run:
//
//	go run ./hack/bench [-sizes 1000,10000,50000] [-o FILE] [-samples 100] [-idle 60s]
//
// It measures bin/pinsync, without leader election: a start does not wait for a lease. It
// prints a table in Markdown and writes all figures to a file. It ends with Ctrl-C, and
// leaves nothing running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/hack/bench/bare"
	"git.oleks.space/oleks/pinsync/hack/local"
)

func main() {
	log.SetLogger(logr.FromSlogHandler(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, or does what a measurement has started this binary for.
func run(ctx context.Context, args []string) error {
	if len(args) == 2 && bare.Is(args[0]) {
		return bare.Run(ctx, args[0], args[1])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	result, err := o.describe(ctx)
	if err != nil {
		return err
	}
	for _, size := range o.sizes {
		figures, failure := measure(ctx, o, size)
		if figures != nil {
			// What was measured is kept, even if something failed after it.
			if failure != nil {
				figures.Failed = failure.Error()
			}
			result.Sizes = append(result.Sizes, figures)
			if err := result.write(o.output); err != nil {
				return err
			}
		}
		if failure != nil {
			return fmt.Errorf("%d releases: %w", size, failure)
		}
	}
	result.print(os.Stdout)
	return nil
}

// options say what is measured.
type options struct {
	// sizes are numbers of HelmReleases.
	sizes   []int
	output  string
	samples int
	idle    time.Duration

	// binary is the pinsync that is measured, folder is for kubeconfigs and logs.
	binary, folder string
}

// minSize is the least number of releases of which enough can be suspended.
const minSize = 10

func parse(args []string) (*options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	o := &options{}
	sizes := flags.String("sizes", "1000,10000,50000", "`numbers` of HelmReleases")
	flags.StringVar(&o.output, "o", filepath.Join("bin", "bench", "figures.json"), "`file` for the figures")
	flags.IntVar(&o.samples, "samples", 100, "`number` of suspends one at a time, for pinsync and for the bare loop each")
	flags.DurationVar(&o.idle, "idle", time.Minute, "`duration` of the windows in which nothing happens")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < minSize {
			return nil, fmt.Errorf("-sizes: %q is no number of at least %d", text, minSize)
		}
		if most := size * 6 / 10; 2*o.samples > most {
			return nil, fmt.Errorf("-samples: of %d releases at most %d can be suspended one at a time", size, most/2)
		}
		o.sizes = append(o.sizes, size)
	}
	if o.samples < 1 || o.idle < time.Second || flags.NArg() > 0 {
		return nil, errors.New("want at least one sample, one second of idling, and no arguments")
	}
	root, err := local.Root()
	if err != nil {
		return nil, err
	}
	o.binary, o.folder = filepath.Join(root, "bin", "pinsync"), filepath.Join(root, "bin", "bench")
	return o, os.MkdirAll(o.folder, 0o700)
}
