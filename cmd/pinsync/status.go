package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// statusOptions are the flags of `pinsync status`.
type statusOptions struct {
	clusterOptions
	namespaceOptions
	maxAge time.Duration
	format string
}

func newStatusCommand() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether the list can be relied on, what it covers, what is held and what is wrong",
		Long: "status reads the published lists and the reports on them, and nothing else: it does not\n" +
			"ask registries, but shows what check --record has found last. Of the releases that are not\n" +
			"protected it names those that are suspended.\n\n" +
			"It exits with code 5 if a list must not be relied on, or nothing is known of the namespace.",
		Example: "  pinsync status\n" +
			"  pinsync status -n kotkan -o yaml",
		Args: noArgs("-n"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return status(cmd.Context(), &o, cmd.OutOrStdout())
		},
	}
	o.clusterOptions.addTo(cmd)
	o.namespaceOptions.addTo(cmd)
	addMaxAge(cmd.Flags(), &o.maxAge, "do not rely on a list whose last sync is longer ago")
	addFormat(cmd, &o.format, formatTable, formatJSON, formatYAML)
	return cmd
}

func status(ctx context.Context, o *statusOptions, out io.Writer) error {
	if err := o.namespaceOptions.check(); err != nil {
		return usageError(err)
	}
	lists, err := o.readDescribed(ctx)
	if err != nil {
		return err
	}
	document := &v1alpha1.PinStatus{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PinStatusKind, Lists: []v1alpha1.ListStatus{}}
	for i := range lists {
		document.Lists = append(document.Lists, statusOf(&lists[i], o.namespace, o.maxAge))
	}
	err = printAs(out, o.format, document, func(s *v1alpha1.PinStatus, width int) string { return statusText(s, o.maxAge, width) })
	unknown := checkKnown(lists, document.Lists, o.namespace)
	if slices.ContainsFunc(document.Lists, func(l v1alpha1.ListStatus) bool { return l.Doubt != "" }) {
		unknown = errors.New("do not rely on the list")
	}
	if unknown != nil {
		err = errors.Join(err, &exitError{exitUnknown, unknown})
	}
	return err
}

// checkKnown returns an error if nothing is known of a namespace: its name may be mistyped, or it has only
// releases that the reports do not name.
func checkKnown(lists []pinlist.Published, states []v1alpha1.ListStatus, namespace string) error {
	var namespaces, others []string
	isRead := true
	for i := range lists {
		if namespace == "" || len(states[i].Releases)+len(states[i].Held) > 0 {
			return nil
		}
		report := lists[i].Report
		if report == nil {
			isRead = false
			continue
		}
		for j := range report.Releases {
			namespaces = append(namespaces, report.Releases[j].Namespace)
		}
		for j := range report.Unprotected {
			others = append(others, report.Unprotected[j].Namespace)
		}
	}
	near := slices.Compact(nearTo(namespace, slices.Concat(namespaces, others)))
	switch {
	case slices.Contains(others, namespace):
		return nil
	case !isRead:
		return fmt.Errorf("unknown whether a release in namespace %s is protected: a report cannot be read", namespace)
	case len(near) > 0:
		return fmt.Errorf("nothing is known of namespace %s: did you mean %s?", namespace, someOf(near))
	default:
		return noRelease(namespace, namespaces)
	}
}

// readDescribed reads the lists of all clusters and the reports on them.
func (o *clusterOptions) readDescribed(ctx context.Context) ([]pinlist.Published, error) {
	clusters, err := o.configs()
	if err != nil {
		return nil, usageError(err)
	}
	lists, err := readLists(ctx, clusters, o)
	if err != nil {
		return nil, &exitError{exitUnknown, err}
	}
	readReports(ctx, clusters, o.pinsyncNamespace, lists)
	return lists, nil
}

// statusOf returns the status of a list: of the releases in a namespace, or of all if it is empty.
func statusOf(l *pinlist.Published, namespace string, maxAge time.Duration) v1alpha1.ListStatus {
	s := v1alpha1.ListStatus{
		ListState: stateOf(l, l.Doubt(l.Read.At, maxAge, l.Report), l.ReportErr),
		Checked:   checkedOf(l),
		Releases:  []v1alpha1.ReleaseStatus{}, Held: []v1alpha1.Pin{}, Problems: []v1alpha1.Problem{},
	}
	for _, entry := range l.Described() {
		if entry.State == v1alpha1.PinHeld && isHeldIn(&entry, namespace) {
			s.Held = append(s.Held, entry)
		}
	}
	if l.Report == nil {
		return s
	}
	s.Configuration = l.Report.Configuration
	for i := range l.Report.Problems {
		if p := &l.Report.Problems[i]; namespace == "" || concerns(p, namespace) {
			s.Problems = append(s.Problems, *p)
		}
	}
	for i := range l.Report.Releases {
		if r := &l.Report.Releases[i]; namespace == "" || r.Namespace == namespace {
			s.Releases = append(s.Releases, coverageOf(r, l.Pins))
		}
	}
	for i := range l.Report.Unprotected {
		if u := &l.Report.Unprotected[i]; namespace == "" || u.Namespace == namespace {
			for _, name := range u.Disabled {
				s.DisabledReleases = append(s.DisabledReleases, u.Namespace+"/"+name)
			}
		}
	}
	return s
}

// concerns reports whether a problem may be one of the releases in a namespace: that of another Namespace, or of a
// release in it, is not, unless the list is incomplete for it.
func concerns(p *v1alpha1.Problem, namespace string) bool {
	kind, name, _ := strings.Cut(p.Object, " ")
	of, _, _ := strings.Cut(name, "/")
	return p.Reason == v1alpha1.ReasonReadFailed || kind != "Namespace" && kind != object.HelmRelease || of == namespace
}

// coverageOf returns how well the pins of a list cover a release.
func coverageOf(r *v1alpha1.Release, pins []string) v1alpha1.ReleaseStatus {
	s := v1alpha1.ReleaseStatus{
		Namespace: r.Namespace, Name: r.Name, State: r.State, Problems: r.Problems,
		MayLackTags: slices.ContainsFunc(r.Problems, pin.MayMissTag),
	}
	for _, line := range r.Pins {
		if _, ok := slices.BinarySearch(pins, line); ok {
			s.Pins++
		} else {
			s.Missing++
		}
	}
	return s
}

// isHeldIn reports whether a pin is held for a release in a namespace; empty means any.
func isHeldIn(entry *v1alpha1.Pin, namespace string) bool {
	return namespace == "" || slices.ContainsFunc(entry.HeldFor, func(h v1alpha1.Hold) bool {
		id, ok := object.ParseID(h.Owner)
		return ok && id.Namespace == namespace
	})
}
