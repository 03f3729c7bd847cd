package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	metrics   string
	format    string
	static    string
	// allowEmpty accepts empty lists although releases are protected.
	allowEmpty bool
	// requireAllImages refuses releases of which images may be missing.
	requireAllImages bool
	sinceText        string
	// podsFirst stands for the time of the start as since.
	podsFirst bool
	// since is zero if it is not known that the cleaner has read the pods already.
	since time.Time
	wait  time.Duration
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
			"A live release is in the list only with releases: All in pinsync's configuration. Without\n" +
			"it, a cleaner must read the pods before the list: then run export with --pods-first, or\n" +
			"with the time when the pods had been read as --since. export asks pinsync to renew the\n" +
			"list, and waits for a list that is later. Without either flag it refuses such a list.",
		Example: "  pinsync export --pods-first --state /var/lib/pinsync/state.json --output-file /var/lib/pinsync/pins.txt\n" +
			"  pinsync export --since 2026-01-02T03:00:00Z --output-file /var/lib/pinsync/pins.txt\n" +
			"  pinsync export --pods-first --context west --context east --static /etc/registry-pins.txt",
		Args: noArgs("--output-file"),
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
	flags.BoolVar(&o.podsFirst, "pods-first", false,
		"the cleaner had read all pods before this command was started: the same as --since with the time of the start")
	flags.DurationVar(&o.wait, "wait", 2*time.Minute, "how long to wait for a list that --since or --pods-first requires, or for the report on a list; 0 does not wait")
	flags.IntVar(&o.maxShrink, "max-shrink", 50,
		"refuse a list whose namespaces have lost this many `PERCENT` of their pins since the last export on average, or more, "+
			"but for those of releases that were resumed; 100 accepts any")
	flags.StringVar(&o.state, "state", "", "`FILE` that records the last export for --max-shrink; without it, the loss of pins is not checked")
	flags.BoolVar(&o.allowEmpty, "allow-empty", false,
		"accept an empty list although releases are protected; with --state, the next exports accept it, too, as long as it is empty")
	flags.BoolVar(&o.requireAllImages, "require-all-images", false,
		"refuse a list with a release of which images may be missing, because its chart or its values are not known in full")
	flags.StringVar(&o.file, "output-file", "", "`FILE` to replace atomically; by default standard output")
	flags.StringVar(&o.metrics, "metrics-file", "",
		"`FILE` to replace atomically with metrics of this export, for the textfile collector of Prometheus' node exporter")
	addFormat(cmd, &o.format, formats()...)
	keepOldName(flags, "format", "output")
	flags.StringVar(&o.static, "static", "",
		"`FILE` of additional pins, with comments and blank lines; of images host/path:tag with the formats images, regex and gitea; json has them among pins alone")
	completeFiles(cmd, "output-file", "metrics-file", "state", "static")
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
	return checkDistinct(map[string]string{"--output-file": o.file, "--state": o.state, "--static": o.static, "--metrics-file": o.metrics})
}

// parseSince sets since; without a flag for it, it stays zero.
func (o *exportOptions) parseSince() (err error) {
	switch {
	case o.podsFirst && o.sinceText != "":
		return errors.New("--pods-first and --since: give one of them")
	case o.podsFirst:
		o.since = time.Now()
		return nil
	case o.sinceText == "":
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
	c, err := collect(ctx, o, clusters, static, errOut)
	if err != nil {
		return &exitError{exitRefused, fmt.Errorf("not exported: %w", err)}
	}
	text, err := pinlist.Render(c.exported, pinlist.Format(o.format))
	if err != nil {
		return err
	}
	metrics, err := exportMetrics(c.exported, time.Now())
	if err != nil {
		return fmt.Errorf("--metrics-file: %w", err)
	}
	if err := writeExport(o, text, metrics, c.state, out); err != nil {
		return err
	}
	fmt.Fprintln(errOut, "pinsync:", printable(exportSummary(c)))
	if pinlist.Format(o.format) == pinlist.FormatGitea {
		fmt.Fprintln(errOut, "pinsync:", giteaWarning(text))
	}
	return nil
}

// collected is what was read of lists.
type collected struct {
	// exported is their union, and state that for the next export.
	exported *v1alpha1.PinExport
	state    *v1alpha1.ExportState
	// mayLack is the number of releases of which images may be missing, as far as reports were read.
	mayLack int
	// isFirst is set if --state named a file that did not exist.
	isFirst bool
}

// collect reads the lists, which must be reliable.
func collect(ctx context.Context, o *exportOptions, clusters []*rest.Config, static *pinlist.Static, errOut io.Writer) (*collected, error) {
	last, err := readState(o.state)
	if err != nil {
		return nil, err
	}
	lists, err := readReliable(ctx, clusters, o, errOut)
	if err != nil {
		return nil, err
	}
	if pinlist.Format(o.format).NeedsImages() {
		if err := pinlist.CheckImages(lists); err != nil {
			return nil, err
		}
	}
	if !o.needsReports() { // else they were read with the lists
		readReports(ctx, clusters, o.pinsyncNamespace, lists) // they have the owners of the pins, and the releases
	}
	if err := o.checkOrder(lists); err != nil {
		return nil, err
	}
	if o.requireAllImages {
		if err := pinlist.CheckReleases(lists); err != nil {
			return nil, err
		}
	}
	exported := pinlist.Union(lists, static)
	state := pinlist.State(exported, lists, time.Now())
	if err := pinlist.CheckShrink(last, state, lists, o.maxShrink); err != nil {
		return nil, err
	}
	pinlist.AllowEmpty(last, state, o.allowEmpty)
	if err := pinlist.CheckEmpty(state, lists); err != nil {
		return nil, err
	}
	return &collected{exported, state, pinlist.MayLackImages(lists), o.state != "" && last.Kind == ""}, nil
}

// needsReports reports whether it is to be known from the reports whether the lists will do.
func (o *exportOptions) needsReports() bool { return o.requireAllImages || o.since.IsZero() }

// checkOrder returns an error if the cleaner may read the pods after the list, and a list is not
// made for that.
func (o *exportOptions) checkOrder(lists []pinlist.Published) error {
	if !o.since.IsZero() {
		return nil
	}
	for i := range lists {
		if err := lists[i].DoubtLive(); err != nil {
			return err
		}
	}
	return nil
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
