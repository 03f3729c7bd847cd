package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/configuration"
	"git.oleks.space/oleks/pinsync/internal/manifest"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// planOptions are the flags of `pinsync plan`.
type planOptions struct {
	files  []string
	config string
	output string
}

// outputs are the values of -o.
func outputs() []string {
	return []string{"pins", "images", "json", "table"}
}

func newPlanCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan -f FILE|DIR|- [-f ...]",
		Short: "Compute the list from manifests, without a cluster",
		Long: "plan reads manifests, YAML or JSON, and prints the list that the controller would\n" +
			"write for a cluster that holds them. It takes what kubectl get -o yaml prints:\n" +
			"Namespaces, HelmReleases, ImagePolicies, ImageRepositories, and the ConfigMaps and\n" +
			"Secrets of valuesFrom; other kinds are ignored. Problems are printed to standard error,\n" +
			"unless the output includes them.",
		Example: "  pinsync plan -f config/samples\n" +
			"  kubectl get namespaces,helmreleases,imagepolicies,imagerepositories,configmaps -A -o json | pinsync plan -f - -o table",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return plan(&o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringArrayVarP(&o.files, "filename", "f", nil,
		"`FILE` to read, a directory for all .yaml, .yml and .json files in and below it, or - for standard input (repeatable)")
	cmd.Flags().StringVar(&o.config, "config", "", "configuration `FILE`")
	cmd.Flags().StringVarP(&o.output, "output", "o", "pins", "`FORMAT` of the output: "+strings.Join(outputs(), ", "))
	return cmd
}

func plan(o *planOptions, in io.Reader, out, errOut io.Writer) error {
	if len(o.files) == 0 {
		return usageError(errors.New("no manifests: give -f FILE, -f DIR or -f -"))
	}
	if !slices.Contains(outputs(), o.output) {
		return usageError(fmt.Errorf("--output %q: want one of %s", o.output, strings.Join(outputs(), ", ")))
	}
	config, err := configuration.Load(o.config)
	if err != nil {
		return usageError(err)
	}
	var manifests convert.Manifests
	for _, name := range o.files {
		skipped, err := manifest.ReadPath(name, in, manifests.Add)
		if err != nil {
			return err
		}
		if len(skipped) > 0 {
			fmt.Fprintf(errOut, "skipped, for they are no .yaml, .yml or .json files: %s\n", printable(strings.Join(skipped, ", ")))
		}
	}
	s := manifests.Snapshot(config.Pins, config.ReadSecrets)
	if len(s.Releases) == 0 {
		return errors.New("there is no HelmRelease in what was read")
	}
	report := pin.Plan(s, config.Pins)
	if o.output == "table" {
		printSummary(s, report, out)
		return printTable(pin.Explain(s, config.Pins), report, out)
	}
	if err := printPlan(report, o.output, out); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if o.output != "json" {
		printProblems(report, errOut)
	}
	return nil
}

func printPlan(report *v1alpha1.PinReport, output string, out io.Writer) error {
	var text string
	switch output {
	case "images":
		text = pinlist.Images(report.Pins)
	case "json":
		var err error
		if text, err = pinlist.JSON(report); err != nil {
			return err
		}
	default:
		text = pinlist.Lines(report.Pins)
	}
	_, err := io.WriteString(out, text)
	return err
}
