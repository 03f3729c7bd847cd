package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// exportOptions are the flags of `pinsync export`.
type exportOptions struct {
	clusterOptions
	maxAge    time.Duration
	maxShrink int
	state     string
	file      string
	format    string
	static    string
	// allowEmpty accepts empty lists although releases are suspended.
	allowEmpty bool
	sinceText  string
	since      time.Time
	wait       time.Duration
}

func newExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the list for a cleaner, or refuse",
		Long: "export reads the lists of one or more clusters and prints their union, if each list\n" +
			"exists, is intact, complete and fresh, and has not lost many pins since the last\n" +
			"export. Otherwise it exits with code 3, prints the reason in one line to standard\n" +
			"error and leaves the files unchanged: then the cleaner must not run.\n\n" +
			"A cleaner that reads the pods first passes the time when it had done so as --since. Then\n" +
			"export asks pinsync to renew the list, and waits for a list that is later.",
		Example: "  pinsync export --state /var/lib/pinsync/state.json --output-file /var/lib/pinsync/pins.txt\n" +
			"  pinsync export --since 2026-01-02T03:00:00Z --output-file /var/lib/pinsync/pins.txt\n" +
			"  pinsync export --context west --context east --static /etc/registry-pins.txt",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return export(cmd.Context(), &o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	o.addTo(cmd)
	keepOldName(flags, "namespace", "pinsync-namespace")
	addMaxAge(flags, &o.maxAge, "refuse a list whose last sync is longer ago")
	flags.StringVar(&o.sinceText, "since", "",
		"`TIME` (RFC 3339) when the cleaner had read the pods: require that every list was current then or later, and wait for that")
	flags.DurationVar(&o.wait, "wait", 2*time.Minute, "how long to wait for a list that --since requires; 0 does not wait")
	flags.IntVar(&o.maxShrink, "max-shrink", 50,
		"refuse a list whose namespaces have lost this many `PERCENT` of their pins since the last export on average, or more; 100 accepts any")
	flags.StringVar(&o.state, "state", "", "`FILE` that records the last export for --max-shrink; without it, the loss of pins is not checked")
	flags.BoolVar(&o.allowEmpty, "allow-empty", false,
		"accept an empty list although releases are suspended; with --state, the next exports accept it, too, as long as it is empty")
	flags.StringVar(&o.file, "output-file", "", "`FILE` to replace atomically; by default standard output")
	addFormat(cmd, &o.format, formats()...)
	keepOldName(flags, "format", "output")
	flags.StringVar(&o.static, "static", "",
		"`FILE` of additional pins, with comments and blank lines; of images host/path:tag with the formats images and regex")
	completeFiles(cmd, "output-file", "state", "static")
	return cmd
}

func formats() []string {
	var names []string
	for _, format := range pinlist.Formats() {
		names = append(names, string(format))
	}
	return names
}

func (o *exportOptions) check() error {
	if err := o.parseSince(); err != nil {
		return err
	}
	switch {
	case o.maxAge <= 0:
		return fmt.Errorf("--max-age %s: want more than 0", o.maxAge)
	case o.wait < 0:
		return fmt.Errorf("--wait %s: want 0 or more", o.wait)
	case o.file == "-":
		return errors.New("--output-file -: omit the flag to write to standard output")
	case o.maxShrink < 0 || o.maxShrink > pinlist.AnyShrink:
		return fmt.Errorf("--max-shrink %d: want 0 to %d", o.maxShrink, pinlist.AnyShrink)
	}
	return checkDistinct(map[string]string{"--output-file": o.file, "--state": o.state, "--static": o.static})
}

// parseSince sets since; without the flag it stays zero.
func (o *exportOptions) parseSince() (err error) {
	if o.sinceText == "" {
		return nil
	}
	if o.since, err = time.Parse(time.RFC3339, o.sinceText); err != nil {
		return fmt.Errorf("--since %q: want a time such as 2006-01-02T15:04:05Z", o.sinceText)
	}
	return nil
}

func export(ctx context.Context, o *exportOptions, out, errOut io.Writer) error {
	if err := o.check(); err != nil {
		return usageError(err)
	}
	clusters, err := o.configs()
	if err != nil {
		return usageError(err)
	}
	static, err := readStatic(o.static, pinlist.Format(o.format))
	if err != nil {
		return usageError(err)
	}
	exported, state, err := collect(ctx, o, clusters, static, errOut)
	if err != nil {
		return &exitError{exitRefused, fmt.Errorf("not exported: %w", err)}
	}
	text, err := pinlist.Render(exported, pinlist.Format(o.format))
	if err != nil {
		return err
	}
	return writeExport(o, text, state, out)
}

// collect reads the lists and returns their union if all are reliable, and the state for the
// next export.
func collect(
	ctx context.Context, o *exportOptions, clusters []*rest.Config, static *pinlist.Static, errOut io.Writer,
) (*v1alpha1.PinExport, *v1alpha1.ExportState, error) {
	last, err := readState(o.state)
	if err != nil {
		return nil, nil, err
	}
	lists, err := readReliable(ctx, clusters, o, errOut)
	if err != nil {
		return nil, nil, err
	}
	if pinlist.Format(o.format).NeedsImages() {
		if err := pinlist.CheckImages(lists); err != nil {
			return nil, nil, err
		}
	}
	if o.state != "" || slices.ContainsFunc(lists, func(l pinlist.Published) bool { return len(l.Pins) == 0 }) {
		readReports(ctx, clusters, o.pinsyncNamespace, lists) // they have the owners of the pins, and the releases
	}
	exported := pinlist.Union(lists, static)
	state := pinlist.State(exported, lists, time.Now())
	if err := pinlist.CheckShrink(last, state, o.maxShrink); err != nil {
		return nil, nil, err
	}
	pinlist.AllowEmpty(last, state, o.allowEmpty)
	if err := pinlist.CheckEmpty(state, lists); err != nil {
		return nil, nil, err
	}
	return exported, state, nil
}

func readStatic(name string, format pinlist.Format) (*pinlist.Static, error) {
	if name == "" {
		return &pinlist.Static{}, nil
	}
	file, err := os.Open(name) //nolint:gosec // a file that the user names
	if err != nil {
		return nil, fmt.Errorf("--static: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	static, err := pinlist.ReadStatic(file, name, format)
	if err != nil {
		return nil, fmt.Errorf("--static: %w", err)
	}
	return static, nil
}

// readState reads the state of the last export, which is empty if there was none.
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
	state, err := pinlist.ReadState(text)
	if err != nil {
		return nil, fmt.Errorf("--state %s is not a file that export has written: %w; "+
			"if the list is correct, delete the file", name, err)
	}
	return state, nil
}
