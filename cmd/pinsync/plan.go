package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/configuration"
	"git.oleks.space/oleks/pinsync/internal/manifest"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// planOptions are the flags of `pinsync plan`.
type planOptions struct {
	files  []string
	config string
	format string
	// charts are archives and folders, and the others describe the cluster that they are rendered for.
	charts      []string
	kubeVersion string
	apiVersions []string
}

func newPlanCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan -f FILE|DIR|- [-f ...]",
		Short: "Compute the list from manifests, without a cluster",
		Long: "plan reads manifests, YAML or JSON, and prints the list that the controller would\n" +
			"write for a cluster that holds them. It takes what kubectl get -o yaml prints:\n" +
			"Namespaces, HelmReleases, ImagePolicies, ImageRepositories, the ConfigMaps and\n" +
			"Secrets of valuesFrom, and HelmRepositories, OCIRepositories and HelmCharts; other\n" +
			"kinds are ignored. With --chart it renders the releases' charts as helm-controller\n" +
			"would, and finds the images that only they name. Problems are printed to standard\n" +
			"error, unless the output includes them.",
		Example: "  pinsync plan -f config/samples\n" +
			"  kubectl get namespaces,helmreleases,imagepolicies,imagerepositories,configmaps -A -o json | pinsync plan -f - -o table",
		Args: noArgs("-f"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return plan(cmd.Context(), &o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringArrayVarP(&o.files, "filename", "f", nil,
		"`FILE` to read, a directory for all .yaml, .yml and .json files in and below it, or - for standard input (repeatable)")
	cmd.Flags().StringVar(&o.config, "config", "", "configuration `FILE`")
	addFormat(cmd, &o.format, string(pinlist.FormatPins), string(pinlist.FormatImages), formatJSON, formatYAML, formatTable)
	cmd.Flags().StringArrayVar(&o.charts, "chart", nil,
		"`[NAMESPACE/RELEASE=]PATH` of a chart, an archive or a directory; without a release, it is for all that ask for a chart of its name (repeatable)")
	cmd.Flags().StringVar(&o.kubeVersion, "kube-version", "", "`VERSION` of Kubernetes that charts are rendered for")
	cmd.Flags().StringSliceVar(&o.apiVersions, "api-versions", nil,
		"`VERSIONS` of APIs that the cluster has besides Kubernetes' own, as group/version or group/version/Kind (repeatable)")
	completeFiles(cmd, "filename", "config", "chart")
	return cmd
}

func plan(ctx context.Context, o *planOptions, in io.Reader, out, errOut io.Writer) error {
	if len(o.files) == 0 {
		return usageError(errors.New("no manifests: give -f FILE, -f DIR or -f -"))
	}
	if len(o.charts) == 0 && (o.kubeVersion != "" || len(o.apiVersions) > 0) {
		return usageError(errors.New("--kube-version and --api-versions are what charts are rendered for: give --chart PATH"))
	}
	if o.kubeVersion != "" {
		if err := render.CheckKubeVersion(o.kubeVersion); err != nil {
			return usageError(fmt.Errorf("--kube-version %w", err))
		}
	}
	config, err := configuration.Load(o.config)
	if err != nil {
		return usageError(err)
	}
	s, err := readSnapshot(ctx, o, &config, in, errOut)
	if err != nil {
		return err
	}
	report := pin.Plan(s, config.Pins)
	var text string
	switch o.format {
	case formatJSON, formatYAML:
		return printAs(out, o.format, report, nil)
	case formatTable:
		text = planTable(s, report, config.Pins, widthOf(out))
	case string(pinlist.FormatImages):
		text = pinlist.Images(report.Pins)
	default:
		text = pinlist.Lines(report.Pins)
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	printProblems(report, errOut)
	return nil
}

// readSnapshot reads the manifests, and renders the charts that their releases ask for.
func readSnapshot(ctx context.Context, o *planOptions, config *configuration.Configuration, in io.Reader, errOut io.Writer) (*pin.Snapshot, error) {
	var manifests convert.Manifests
	for _, name := range o.files {
		skipped, err := manifest.ReadPath(name, in, manifests.Add)
		if err != nil {
			return nil, err
		}
		if len(skipped) > 0 {
			fmt.Fprintf(errOut, "skipped, for they are no .yaml, .yml or .json files: %s\n", printable(strings.Join(skipped, ", ")))
		}
	}
	resolver := charts.Resolver{OwnNamespaceOnly: config.DenyCrossNamespace, LookUp: manifests.Source}
	finder := convert.ChartFinder{Reference: resolver.Reference}
	var local *localCharts
	if len(o.charts) > 0 {
		var err error
		if local, err = newLocalCharts(o); err != nil {
			return nil, err
		}
		defer local.finder.Close()
		finder.Images = local.find(ctx)
	}
	s, err := manifests.Snapshot(config.Pins, config.ReadSecrets, finder)
	switch {
	case err != nil:
	case ctx.Err() != nil: // else it would be a problem of every release
		err = ctx.Err()
	case len(s.Releases) == 0:
		err = errors.New("there is no HelmRelease in what was read")
	case local == nil:
		s.Notes = append(s.Notes, v1alpha1.Problem{
			Reason: v1alpha1.ReasonChartNotRead, Object: "charts",
			Message: "images that only they name are not found: give them with --chart PATH",
		})
	default:
		if err = local.checkReleases(s.Releases); err == nil {
			local.reportUnused(errOut)
		}
	}
	return s, err
}
