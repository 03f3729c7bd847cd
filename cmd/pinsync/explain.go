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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	clusterOptions
	namespaceOptions
	registryOptions
	config string
	check  bool
	maxAge time.Duration
	format string
}

func newExplainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain [-n NAMESPACE] RELEASE",
		Short: "Show the pins of a release and why they exist, and whether a resume would work now",
		Long: "explain reads a HelmRelease from a cluster, given as NAME, NAMESPACE/NAME or\n" +
			"helmrelease/NAME. It prints what the published list has for it, the images that it\n" +
			"refers to and where, the ImagePolicies that are linked to them and how, its pins, and\n" +
			"why held pins are not removed yet. It does not render the release's chart: of the images\n" +
			"that only the chart names it has those of the report.\n\n" +
			"It exits with code 0 only if it knows that nothing blocks a resume: the list has every\n" +
			"tag that was found, and with --check the registries have them. It exits with code 4 if a\n" +
			"resume would not work now, and with code 5 if that is unknown, as it is without --check,\n" +
			"and of a suspended release that is not protected. Of a release that is not suspended it\n" +
			"reports whether a restart or an upgrade would work.",
		Example: "  pinsync explain -n kotkan cms-plugins-staging\n" +
			"  pinsync explain kotkan/cms-plugins-staging --check && flux resume helmrelease -n kotkan cms-plugins-staging",
		Args:              usageArgs(oneArg("want a release: NAME with -n NAMESPACE, NAMESPACE/NAME or helmrelease/NAME")),
		ValidArgsFunction: completeReleases,
		RunE: func(cmd *cobra.Command, args []string) error {
			return explain(cmd.Context(), &o, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	o.clusterOptions.addTo(cmd)
	keepOldName(flags, "list-namespace", "pinsync-namespace")
	o.addNamespace(cmd, "`NAMESPACE` of the release; by default that of the context")
	flags.StringVar(&o.config, "config", "", "configuration `FILE` to use instead of what the report has of the controller's")
	flags.BoolVar(&o.check, "check", false, "also check in the registries that the tags exist")
	addMaxAge(flags, &o.maxAge, "do not rely on a list whose last sync is longer ago")
	o.registryOptions.addTo(flags)
	addFormat(cmd, &o.format, formatText, formatJSON, formatYAML)
	completeFiles(cmd, "config")
	return cmd
}

func explain(ctx context.Context, o *explainOptions, name string, out, errOut io.Writer) error {
	cluster, err := o.one()
	if err != nil {
		return usageError(err)
	}
	release, err := o.parse(name)
	if err != nil {
		return usageError(err)
	}
	e := &explanation{}
	e.readList(ctx, cluster, o, release)
	config, err := e.configuration(o.config)
	if err != nil {
		return usageError(err)
	}
	inspected, err := inspect.Release(ctx, cluster, release, config.ReadSecrets)
	if err != nil {
		return fmt.Errorf("%s: %w", cluster.Host, e.orMeant(ctx, cluster, release.Name, err))
	}
	e.inspect(inspected, config, release)
	if o.check {
		checked, err := o.registryOptions.check(ctx, pin.AsFound(e.Pins), []*rest.Config{cluster}, errOut)
		if err != nil {
			return err
		}
		e.checked = checked.Images
	}
	document := e.document()
	return errors.Join(printAs(out, o.format, document, explanationText), exitOf(document))
}

// exitOf returns the error for the exit code. Its reasons have been printed.
func exitOf(d *v1alpha1.ReleaseExplanation) error {
	switch d.Resume.Verdict {
	case v1alpha1.ResumeBlocked:
		return &exitError{exitMissing, errors.New(verdictText(d))}
	case v1alpha1.ResumeUnknown:
		return &exitError{exitUnknown, errors.New("it is " + verdictText(d))}
	default:
		return nil
	}
}

// parse returns the release that an argument names: NAME, NAMESPACE/NAME, helmrelease/NAME, or
// HelmRelease/NAMESPACE/NAME as the report has it.
func (o *explainOptions) parse(argument string) (object.ID, error) {
	id := object.ID{Kind: object.HelmRelease}
	parts := strings.Split(argument, "/")
	if len(parts) > 1 && isReleaseKind(parts[0]) {
		parts = parts[1:]
	}
	id.Namespace, id.Name.Name = o.namespace, parts[len(parts)-1]
	switch {
	case len(parts) > 2:
		return id, fmt.Errorf("release %q: want NAME, NAMESPACE/NAME or helmrelease/NAME: only HelmReleases can be explained", argument)
	case len(parts) == 2 && o.namespace != "" && o.namespace != parts[0]:
		return id, fmt.Errorf("release %q is not in --namespace %s: give one of them; only HelmReleases can be explained", argument, o.namespace)
	case len(parts) == 2:
		id.Namespace = parts[0]
	case o.namespace == "":
		var err error
		if id.Namespace, err = o.contextNamespace(); err != nil {
			return id, err
		}
	}
	if messages := validation.IsDNS1123Subdomain(id.Name.Name); len(messages) > 0 {
		return id, fmt.Errorf("release %q: want a name of a-z, 0-9, hyphens and dots", argument)
	}
	return id, checkNamespace("--namespace", id.Namespace)
}

// isReleaseKind reports whether a word is the kind of releases, as kubectl takes it.
func isReleaseKind(word string) bool {
	kind, group, hasGroup := strings.Cut(strings.ToLower(word), ".")
	return slices.Contains([]string{"helmrelease", "helmreleases", "hr"}, kind) && (!hasGroup || strings.HasSuffix(group, "helm.toolkit.fluxcd.io"))
}

// orMeant returns the error of a release that could not be read; of one that does not exist, with those that
// may be meant: of a name like its own, or of the same name in other namespaces.
func (e *explanation) orMeant(ctx context.Context, cluster *rest.Config, release object.Name, err error) error {
	if !apierrors.IsNotFound(err) {
		return err
	}
	others, listErr := e.otherReleases(ctx, cluster, release.Namespace)
	var names []string
	for _, other := range others {
		if other.Namespace == release.Namespace {
			names = append(names, other.Name)
		} else if other.Name == release.Name {
			names = append(names, other.String())
		}
	}
	near := nearTo(release.Name, names)
	switch {
	case len(near) > 0:
		return fmt.Errorf("there is no HelmRelease %s: did you mean %s?", release, someOf(near))
	case listErr != nil:
		return fmt.Errorf("there is no HelmRelease %s", release)
	default:
		return fmt.Errorf("there is no HelmRelease %s: namespace %s has %s", release, release.Namespace, someOf(names))
	}
}

// otherReleases returns all releases or, if the user may not list them, those of a namespace and those that the
// report names.
func (e *explanation) otherReleases(ctx context.Context, cluster *rest.Config, namespace string) ([]object.Name, error) {
	names, err := inspect.Names(ctx, cluster, "")
	if err == nil {
		return names, nil
	}
	names, err = inspect.Names(ctx, cluster, namespace)
	if e.list != nil && e.list.Report != nil {
		for i := range e.list.Report.Releases {
			r := &e.list.Report.Releases[i]
			names = append(names, object.Name{Namespace: r.Namespace, Name: r.Name})
		}
	}
	slices.SortFunc(names, object.Compare)
	return slices.Compact(names), err
}

// readList reads the published lists and their reports, and chooses the list that has the release.
func (e *explanation) readList(ctx context.Context, cluster *rest.Config, o *explainOptions, release object.ID) {
	lists, err := published.Read(ctx, cluster, o.pinsyncNamespace, o.names)
	if err != nil {
		e.doubt = err
		return
	}
	e.reportErr = published.ReadReports(ctx, cluster, o.pinsyncNamespace, lists)
	i := slices.IndexFunc(lists, func(l pinlist.Published) bool { return entryOf(&l, release) != nil })
	e.list = &lists[max(i, 0)]
	e.doubt = e.list.Doubt(e.list.Read.At, o.maxAge, e.list.Report)
}

// entryOf returns what the report on a list has for a release; nil, nothing.
func entryOf(l *pinlist.Published, release object.ID) *v1alpha1.Release {
	if l == nil || l.Report == nil {
		return nil
	}
	for i := range l.Report.Releases {
		if r := &l.Report.Releases[i]; r.Kind == release.Kind && r.Namespace == release.Namespace && r.Name == release.Name.Name {
			return r
		}
	}
	return nil
}

// configuration returns that of a file or, without one, of the report.
func (e *explanation) configuration(file string) (configuration.Configuration, error) {
	if file == "" && e.list != nil && e.list.Report != nil && e.list.Report.Configuration != nil {
		config, err := configuration.Check(e.list.Report.Configuration)
		if err != nil {
			return config, fmt.Errorf("the configuration in the report: %w: give --config FILE, or a version of pinsync that knows it", err)
		}
		return config, nil
	}
	if file == "" && e.list != nil {
		e.unread = append(e.unread, "the controller's configuration, which the report does not have: the default is assumed, see --config")
	}
	return configuration.Load(file)
}
