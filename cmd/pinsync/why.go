package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// whyOptions are the flags of `pinsync why`.
type whyOptions struct {
	clusterOptions
	maxAge time.Duration
	format string
}

func newWhyCommand() *cobra.Command {
	var o whyOptions
	cmd := &cobra.Command{
		Use:   "why PIN",
		Short: "Show who needs a pin, where it was found, and what it waits for",
		Long: "why reads the published lists and the reports on them, and nothing else. PIN is a line of\n" +
			"the list, type/name==version, or an image, host/path:tag.",
		Example: "  pinsync why container/cms-plugins==staging\n" +
			"  pinsync why git.oleks.space/oleks/cms-plugins:staging",
		Args:              usageArgs(oneArg("want a pin such as container/app==1.0, or an image host/path:tag")),
		ValidArgsFunction: completePins,
		RunE: func(cmd *cobra.Command, args []string) error {
			return why(cmd.Context(), &o, args[0], cmd.OutOrStdout())
		},
	}
	o.addTo(cmd)
	addMaxAge(cmd.Flags(), &o.maxAge, "do not rely on a list whose last sync is longer ago")
	addFormat(cmd, &o.format, formatText, formatJSON, formatYAML)
	return cmd
}

func why(ctx context.Context, o *whyOptions, name string, out io.Writer) error {
	lists, err := o.readDescribed(ctx)
	if err != nil {
		return err
	}
	document := &v1alpha1.PinExplanation{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PinExplanationKind}
	var names []string
	for i := range lists {
		l := &lists[i]
		state := stateOf(l, l.Doubt(l.Read.At, o.maxAge, l.Report), l.ReportErr)
		for _, entry := range l.Described() {
			names = append(names, entry.Pin, entry.Image)
			if entry.Pin == name || entry.Image == name {
				document.Pins = append(document.Pins, v1alpha1.ListedPin{List: state, Pin: entry})
			}
		}
	}
	if len(document.Pins) == 0 {
		return notListed(name, names)
	}
	return printAs(out, o.format, document, whyText)
}

func notListed(name string, names []string) error {
	if near := nearTo(name, names); len(near) > 0 {
		return fmt.Errorf("%q is not in the list: did you mean %s?", name, near[0])
	}
	return fmt.Errorf("%q is not in the list: want a pin such as container/app==1.0, or an image host/path:tag", name)
}

// whyText returns an explanation of pins for people.
func whyText(d *v1alpha1.PinExplanation, width int) string {
	p := &page{width: width}
	for i := range d.Pins {
		entry := &d.Pins[i]
		if i > 0 {
			p.line(0, "")
		}
		p.line(0, "%s", entry.Pin.Pin)
		p.line(1, "%s", entry.Image)
		who := neededBy(&entry.Pin)
		if len(entry.NeededBy) == 0 && len(entry.HeldFor) > 0 {
			who = heldSince(&entry.Pin) // for whom is said below
		}
		printEntry(p, 1, who, entry.HeldBecause)
		for _, via := range entry.Via {
			p.line(1, "found in %s", via)
		}
		for _, hold := range entry.HeldFor {
			p.line(1, "%s", holdText(&hold))
		}
		p.line(1, "list %s/%s of %s, %s old", entry.List.Namespace, entry.List.Name, entry.List.Cluster, entry.List.Age)
		for _, doubt := range []string{entry.List.Doubt, entry.List.ReportDoubt} {
			if doubt != "" {
				p.line(2, "%s", doubt)
			}
		}
	}
	return p.String()
}

// holdText describes for whom a pin is held, and how long.
func holdText(h *v1alpha1.Hold) string {
	owner := h.Owner
	switch owner {
	case v1alpha1.UnknownOwner:
		owner = "an unknown release"
	case v1alpha1.OtherOwners:
		owner = "further releases that are not known"
	}
	if h.SafeSince == nil {
		return owner + " may need it until that release is proven live, deleted or disabled"
	}
	return owner + " does not need it since " + *h.SafeSince + ": kept for the grace after that"
}
