package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version that a release build sets with -ldflags -X.
var release string //nolint:gochecknoglobals // the linker sets it

// version returns the version of the release build, or the module's version.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// programVersion is what `pinsync version` prints.
type programVersion struct {
	Version   string `json:"version"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

func newVersionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := programVersion{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if format != formatText {
				return printAs(cmd.OutOrStdout(), format, v, nil)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "pinsync %s (%s, %s)\n", v.Version, v.GoVersion, v.Platform)
			return err
		},
	}
	addFormat(cmd, &format, formatText, formatJSON, formatYAML)
	return cmd
}
