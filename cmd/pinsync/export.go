package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/published"
	"git.oleks.space/oleks/pinsync/internal/list"
)

// exportOptions are the flags of `pinsync export`.
type exportOptions struct {
	clusterOptions
	maxAge    time.Duration
	maxShrink int
	state     string
	output    string
	format    string
	static    string
}

func newExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the list for a cleaner, or refuse",
		Long: "export reads the lists of one or more clusters and prints all together, if each is\n" +
			"there, whole, complete and fresh, and has not shrunk much since the last time.\n" +
			"Otherwise it ends with 3, says why in one line, prints nothing and leaves the files\n" +
			"as they are: then the cleaner must not run.",
		Example: "  pinsync export --state /var/lib/pinsync/state.json -o /var/lib/pinsync/pins.txt\n" +
			"  pinsync export --context west --context east --static /etc/registry-pins.txt",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return export(cmd.Context(), &o, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	o.addTo(flags)
	addMaxAge(flags, &o.maxAge, "refuse a list that was last known to be current longer ago")
	flags.IntVar(&o.maxShrink, "max-shrink", 50,
		"refuse a list that has lost this many `PERCENT` of its pins since the last export, or more; 100 takes any")
	flags.StringVar(&o.state, "state", "", "`FILE` that notes each export for --max-shrink; without it, that is not checked")
	flags.StringVarP(&o.output, "output", "o", "", "`FILE` to write, as a whole or not at all; else standard output")
	flags.StringVar(&o.format, "format", string(list.FormatPins), "`FORMAT` of the output: "+strings.Join(formats(), ", "))
	flags.StringVar(&o.static, "static", "",
		"`FILE` of pins that are to be kept besides, with comments and blank lines; of images host/path:tag for images and regex")
	return cmd
}

func formats() []string {
	var names []string
	for _, format := range list.Formats() {
		names = append(names, string(format))
	}
	return names
}

func (o *exportOptions) check() error {
	switch {
	case !slices.Contains(formats(), o.format):
		return fmt.Errorf("--format %q: want one of %s", o.format, strings.Join(formats(), ", "))
	case o.maxAge <= 0:
		return fmt.Errorf("--max-age %s: want more than 0", o.maxAge)
	case o.output == "-":
		return errors.New("--output -: without the flag, standard output is meant")
	case o.maxShrink < 0 || o.maxShrink > list.AnyShrink:
		return fmt.Errorf("--max-shrink %d: want 0 to %d", o.maxShrink, list.AnyShrink)
	}
	return checkDistinct(map[string]string{"--output": o.output, "--state": o.state, "--static": o.static})
}

func export(ctx context.Context, o *exportOptions, out io.Writer) error {
	if err := o.check(); err != nil {
		return usageError(err)
	}
	clusters, err := o.configs()
	if err != nil {
		return usageError(err)
	}
	static, err := readStatic(o.static, list.Format(o.format))
	if err != nil {
		return usageError(err)
	}
	exported, state, err := collect(ctx, o, clusters, static)
	if err != nil {
		return &exitError{exitDoubt, fmt.Errorf("not exported: %w", err)}
	}
	text, err := list.Render(exported, list.Format(o.format))
	if err != nil {
		return err
	}
	return publish(o, text, state, out)
}

// collect reads the lists, and makes one of them if none is in doubt. It returns what the
// next export is to know of this one, too.
func collect(
	ctx context.Context, o *exportOptions, clusters []*rest.Config, static *list.Static,
) (*v1alpha1.PinExport, *v1alpha1.ExportState, error) {
	last, err := readState(o.state)
	if err != nil {
		return nil, nil, err
	}
	lists, err := readLists(ctx, clusters, &o.clusterOptions)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	for _, l := range lists {
		if err := l.Doubt(now, o.maxAge); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", l.Cluster, err)
		}
	}
	if list.Format(o.format).NeedsImages() {
		if err := list.Nameless(lists); err != nil {
			return nil, nil, err
		}
	}
	exported := list.Union(lists, static)
	if err := list.CheckShrink(last, exported.Lists, o.maxShrink); err != nil {
		return nil, nil, err
	}
	return exported, list.State(exported, now), nil
}

// readLists reads the lists of all clusters at the same time.
func readLists(ctx context.Context, clusters []*rest.Config, o *clusterOptions) ([]list.Published, error) {
	results := make([][]list.Published, len(clusters))
	group, ctx := errgroup.WithContext(ctx)
	for i, cluster := range clusters {
		group.Go(func() (err error) {
			results[i], err = published.Read(ctx, cluster, o.namespace, o.names)
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(results...), err
}

func readStatic(name string, format list.Format) (*list.Static, error) {
	if name == "" {
		return &list.Static{}, nil
	}
	file, err := os.Open(name) //nolint:gosec // a file that the user names
	if err != nil {
		return nil, fmt.Errorf("--static: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	static, err := list.ReadStatic(file, name, format)
	if err != nil {
		return nil, fmt.Errorf("--static: %w", err)
	}
	return static, nil
}

// readState reads what is noted of the last export; of none, there is nothing.
func readState(name string) (*v1alpha1.ExportState, error) {
	if name == "" {
		return &v1alpha1.ExportState{}, nil
	}
	text, err := os.ReadFile(name) //nolint:gosec // a file that the user names
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &v1alpha1.ExportState{}, nil
	case err != nil:
		return nil, fmt.Errorf("--state: %w", err)
	}
	state, err := list.ReadState(text)
	if err != nil {
		return nil, fmt.Errorf("--state %s is not what an export has noted: %w; "+
			"if the list is as it should be, delete the file", name, err)
	}
	return state, nil
}
