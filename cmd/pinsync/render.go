package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"git.oleks.space/oleks/pinsync/internal/chartimages"
)

// renderName is the name of the command that renders charts for others.
const renderName = "render"

// newRenderCommand returns the command that other commands start to render charts: what a chart
// does to it, it does to nothing else.
func newRenderCommand() *cobra.Command {
	var limits chartimages.Limits
	cmd := &cobra.Command{
		Use:    renderName,
		Short:  "Render charts for the process that starts this one",
		Hidden: true,
		Args:   noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return chartimages.Serve(limits, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().DurationVar(&limits.Time, "timeout", 0, "how long one chart may take")
	cmd.Flags().IntVar(&limits.Memory, "memory", 0, "how many `BYTES` of memory one chart may take")
	return cmd
}

// newFinder returns what renders charts in one process of this program, with those limits.
func newFinder(program string, limits chartimages.Limits) *chartimages.Finder {
	return chartimages.NewFinder(1, limits, program, renderName,
		"--timeout", limits.Time.String(), "--memory", strconv.Itoa(limits.Memory))
}
