// Command bench measures pinsync with generated clusters on control planes of this machine,
// and, in the same run, programs that do only a part of its work:
//
//	go run ./hack/bench [-sizes 1000,10000,50000] [-charts 1000] [-o FILE] [-samples 100] [-idle 60s]
//
// It measures bin/pinsync without leader election, so that a start does not wait for a lease.
// It prints a table in Markdown and writes all figures to a file. Ctrl-C stops everything.
package main

import (
	"context"
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

// run runs the measurements, or one of the bare programs that a measurement has started.
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
			// The figures that were measured before a failure are kept.
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
	if o.charts > 0 {
		if result.Charts, err = measureCharts(ctx, o); err != nil {
			return fmt.Errorf("%d releases with charts: %w", o.charts, err)
		}
		if err := result.write(o.output); err != nil {
			return err
		}
	}
	result.print(os.Stdout)
	return nil
}

// options configure the measurements.
type options struct {
	// sizes are numbers of HelmReleases.
	sizes   []int
	output  string
	samples int
	idle    time.Duration
	// charts is a number of HelmReleases with charts; 0, they are not measured.
	charts int

	// binary is the measured pinsync, folder has kubeconfig files and logs.
	binary, folder string
}

// minSize is the smallest number of releases of which enough can be suspended.
const minSize = 10

func parse(args []string) (*options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	o := &options{}
	sizes := flags.String("sizes", "1000,10000,50000", "`numbers` of HelmReleases")
	flags.StringVar(&o.output, "o", filepath.Join("bin", "bench", "figures.json"), "`file` for the figures")
	flags.IntVar(&o.samples, "samples", 100, "`number` of suspends, one at a time, for each of pinsync and the bare loop, at most 3 of 10 releases")
	flags.DurationVar(&o.idle, "idle", time.Minute, "`duration` of the windows in which nothing changes")
	flags.IntVar(&o.charts, "charts", 1000, "`number` of HelmReleases whose charts are rendered; 0 for none")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		if *sizes == "" {
			break // only charts are measured
		}
		size, err := strconv.Atoi(text)
		if err != nil || size < minSize {
			return nil, fmt.Errorf("-sizes: %q: want numbers of at least %d", text, minSize)
		}
		o.sizes = append(o.sizes, size)
	}
	if o.samples < 1 || o.idle < time.Second || o.charts < 0 || o.charts > 0 && o.charts < minSize || flags.NArg() > 0 {
		return nil, fmt.Errorf("want -samples of at least 1, -idle of at least 1s, -charts of 0 or at least %d, and no arguments", minSize)
	}
	root, err := local.Root()
	if err != nil {
		return nil, err
	}
	o.binary, o.folder = filepath.Join(root, "bin", "pinsync"), filepath.Join(root, "bin", "bench")
	return o, os.MkdirAll(o.folder, 0o700)
}
