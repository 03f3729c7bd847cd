package main

import (
	"github.com/spf13/cobra"

	"git.oleks.space/oleks/pinsync/internal/chartimages"
)

// renderName is the name of the command that renders charts for others.
const renderName = "render"

// newRenderCommand returns the command that other commands start to render charts: what a chart
// does to it, it does to nothing else.
func newRenderCommand() *cobra.Command {
	return &cobra.Command{
		Use:    renderName,
		Short:  "Render charts for the process that starts this one",
		Hidden: true,
		Args:   usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return chartimages.Serve(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
