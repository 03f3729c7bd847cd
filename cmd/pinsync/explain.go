package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/inspect"
	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/published"
	"git.oleks.space/oleks/pinsync/internal/configuration"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// explainOptions are the flags of `pinsync explain`.
type explainOptions struct {
	registryOptions
	kubeconfig, context string
	namespace           string
	listNamespace       string
	config              string
	check               bool
	maxAge              time.Duration
}

func newExplainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain [-n NAMESPACE] RELEASE",
		Short: "Show the pins of a release and why they exist, and whether a resume would work now",
		Long: "explain reads a HelmRelease from a cluster. It prints the images that the release refers\n" +
			"to and where, the ImagePolicies that are linked to them and how, its pins in the list,\n" +
			"and why held pins are not removed yet.\n\n" +
			"It exits with code 4 if a resume would not work now, and with code 5 if that is unknown.",
		Example: "  pinsync explain -n kotkan cms-plugins-staging\n" +
			"  pinsync explain -n kotkan cms-plugins-staging --check && flux resume helmrelease -n kotkan cms-plugins-staging",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return explain(cmd.Context(), &o, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` of the cluster")
	flags.StringVar(&o.context, "context", "", "`CONTEXT` of the kubeconfig; by default its current context")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "`NAMESPACE` of the release; by default that of the context")
	flags.StringVar(&o.listNamespace, "list-namespace", v1alpha1.DefaultNamespace, "`NAMESPACE` of pinsync")
	flags.StringVar(&o.config, "config", "", "configuration `FILE` of the controller, if it has one")
	flags.BoolVar(&o.check, "check", false, "also check in the registries that the tags exist")
	addMaxAge(flags, &o.maxAge, "do not rely on a list whose last sync is longer ago")
	o.addTo(flags)
	return cmd
}

func explain(ctx context.Context, o *explainOptions, name string, out, errOut io.Writer) error {
	config, err := configuration.Load(o.config)
	if err != nil {
		return usageError(err)
	}
	release, cluster, err := o.locate(name)
	if err != nil {
		return usageError(err)
	}
	s, err := inspect.Release(ctx, cluster, release, config.ReadSecrets)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", release, cluster.Host, err)
	}
	e := &explanation{}
	e.readList(ctx, cluster, o, config.ConfigMapName)
	if e.list != nil && e.list.Report != nil {
		s.Memory = pin.MemoryOf(e.list.Report)
	}
	e.Inspection = pin.Inspect(s, config.Pins, release)
	if o.check {
		e.checked, err = o.registryOptions.check(ctx, pin.AsFound(e.Pins), []*rest.Config{cluster}, errOut)
		if err != nil {
			return err
		}
	}
	if _, err := io.WriteString(out, e.text()); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return e.err()
}

// readList reads the published list and the report on it.
func (e *explanation) readList(ctx context.Context, cluster *rest.Config, o *explainOptions, name string) {
	lists, err := published.Read(ctx, cluster, o.listNamespace, []string{name})
	if err != nil {
		e.doubt = err
		return
	}
	e.reportErr = published.ReadReports(ctx, cluster, o.listNamespace, lists)
	e.list = &lists[0]
	e.doubt = e.list.Doubt(e.list.Read.At, o.maxAge, e.list.Report)
}

// locate returns the full name of the release and the configuration of its cluster.
func (o *explainOptions) locate(name string) (object.ID, *rest.Config, error) {
	release := object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: o.namespace, Name: name}}
	cluster, err := clusterConfig(o.kubeconfig, o.context)
	if err != nil {
		return release, nil, err
	}
	cluster.Timeout = requestTimeout
	if release.Namespace == "" {
		if release.Namespace, err = namespaceOf(o.kubeconfig, o.context); err != nil {
			return release, nil, err
		}
	}
	if messages := validation.IsDNS1123Label(release.Namespace); len(messages) > 0 {
		return release, nil, fmt.Errorf("--namespace %q: %s", release.Namespace, strings.Join(messages, "; "))
	}
	if messages := validation.IsDNS1123Subdomain(name); len(messages) > 0 {
		return release, nil, fmt.Errorf("release %q: %s", name, strings.Join(messages, "; "))
	}
	if messages := validation.IsDNS1123Label(o.listNamespace); len(messages) > 0 {
		return release, nil, fmt.Errorf("--list-namespace %q: %s", o.listNamespace, strings.Join(messages, "; "))
	}
	return release, cluster, nil
}

// explanation has all that is printed about a release.
type explanation struct {
	*pin.Inspection
	// list is the published list; nil if it could not be read. doubt is why it must not be
	// relied on.
	list  *pinlist.Published
	doubt error
	// reportErr is why the report on the list could not be read.
	reportErr error
	// checked is the result of the registry check; nil if there was none.
	checked *v1alpha1.RegistryCheck
}

// obstacles returns what blocks a resume now.
func (e *explanation) obstacles() []string {
	var obstacles []string
	for _, policy := range e.Policies {
		switch {
		case policy.NotReady != "":
			obstacles = append(obstacles, fmt.Sprintf("ImagePolicy %s is not ready: %s", policy.Name, policy.NotReady))
		case policy.Latest == nil:
			obstacles = append(obstacles, fmt.Sprintf("ImagePolicy %s has not resolved a tag", policy.Name))
		}
	}
	for _, checked := range e.images() {
		if checked.Status == v1alpha1.ImageMissing || checked.Status == v1alpha1.ImageIncomplete {
			obstacles = append(obstacles, fmt.Sprintf("%s is %s", checked.Image, checked.Status))
		}
	}
	return obstacles
}

// gaps returns why it is unknown whether a resume would work now.
func (e *explanation) gaps() []string {
	var gaps []string
	if len(e.Pins) == 0 {
		gaps = append(gaps, "no tag was found that could be checked")
	}
	for i := range e.Problems {
		switch p := &e.Problems[i]; p.Reason {
		case v1alpha1.ReasonInvalidValues, v1alpha1.ReasonOverBudget, v1alpha1.ReasonValuesNotRead, v1alpha1.ReasonNoTag,
			v1alpha1.ReasonNoRepository, v1alpha1.ReasonInvalidReference, v1alpha1.ReasonPolicyNotFound, v1alpha1.ReasonChartNotRendered:
			gaps = append(gaps, fmt.Sprintf("%s: %s", p.Field, p.Message))
		default:
		}
	}
	for _, checked := range e.images() {
		switch checked.Status {
		case v1alpha1.ImageUnauthorized, v1alpha1.ImageUnreachable, v1alpha1.ImageUnknown:
			gaps = append(gaps, fmt.Sprintf("%s is %s: %s", checked.Image, checked.Status, checked.Message))
		default:
		}
	}
	return gaps
}

func (e *explanation) images() []v1alpha1.CheckedImage {
	if e.checked == nil {
		return nil
	}
	return e.checked.Images
}

// err returns the error for the exit code. Its reasons have been printed.
func (e *explanation) err() error {
	switch {
	case len(e.obstacles()) > 0:
		return &exitError{exitMissing, errors.New("a resume would not work now")}
	case len(e.gaps()) > 0:
		return &exitError{exitUnknown, errors.New("it is unknown whether a resume would work now")}
	default:
		return nil
	}
}
