// Command charts measures how many of the images that Helm renders for real releases are found: it
// plans each release with its chart, and compares the list with the images that are known.
//
//	go run ./hack/charts [-recorded FILE] PACK CHARTS
//
// PACK is a folder with a file for each release, CHARTS one with a folder for each chart, called as
// the releases name it; releases whose chart is not there are left out. With -recorded it fails if
// a figure is worse than the recorded one, as far as as many releases were measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"git.oleks.space/oleks/pinsync/internal/chartimages"
)

// renderName is the argument with which the command is started by itself to render charts.
const renderName = "render"

func main() {
	if len(os.Args) == 2 && os.Args[1] == renderName {
		if err := chartimages.Serve(chartimages.DefaultLimits(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	recorded := flag.String("recorded", "", "fail if a figure is worse than in this `file`")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: charts [-recorded FILE] PACK CHARTS")
		os.Exit(2)
	}
	if err := run(context.Background(), flag.Arg(0), flag.Arg(1), *recorded, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "charts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pack, charts, recorded string, out io.Writer) error {
	releases, err := readReleases(pack)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	finder := chartimages.NewFinder(1, chartimages.DefaultLimits(), program, renderName)
	defer finder.Close()
	var sum figures
	for _, r := range releases {
		archive, versions, err := r.readChart(charts)
		if err != nil {
			fmt.Fprintf(out, "%s: left out: %v\n", r.name, err)
			continue
		}
		report, err := r.plan(ctx, finder, archive, versions)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		sum.add(r.compare(report, out))
	}
	sum.print(out, len(releases))
	if recorded == "" {
		return nil
	}
	return sum.compareRecorded(recorded)
}
