package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/inspect"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
	"git.oleks.space/oleks/pinsync/internal/registry"
)

// registryOptions are the flags that configure the requests to registries.
type registryOptions struct {
	insecure        []string
	fluxCredentials bool
}

func (o *registryOptions) addTo(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.insecure, "insecure-registry", nil,
		"`HOST[:PORT]` of a registry that is reached over plain HTTP (repeatable)")
	flags.BoolVar(&o.fluxCredentials, "flux-credentials", false,
		"also use the credentials in the secretRef of ImageRepositories; this reads Secrets")
}

// checkOptions are the flags of `pinsync check`.
type checkOptions struct {
	clusterOptions
	namespaceOptions
	registryOptions
	maxAge time.Duration
	format string
	record bool
}

func newCheckCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check in the registries that every tag of the list exists",
		Long: "check reads the lists of one or more clusters and looks up every tag in its registry, the\n" +
			"digest that the values have beside it, and for a multi-platform image the manifest of\n" +
			"every platform. It uses the credentials of the Docker configuration and its credential\n" +
			"helpers. Without the report on a list, which has the states of its pins, every tag in it\n" +
			"counts as needed. A held tag counts as long as a release may still need it; that another\n" +
			"one is missing is shown, and changes nothing. With --namespace, a tag counts of which it is\n" +
			"not known which releases need it.\n\n" +
			"It exits with code 0 if all images exist, with code 4 if one is missing or incomplete,\n" +
			"and with code 5 if one could not be checked.",
		Args: noArgs("-n"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return check(cmd.Context(), &o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.clusterOptions.addTo(cmd)
	o.namespaceOptions.addTo(cmd)
	o.registryOptions.addTo(cmd.Flags())
	addMaxAge(cmd.Flags(), &o.maxAge, "do not rely on a list whose last sync is longer ago")
	addFormat(cmd, &o.format, formatTable, formatJSON, formatYAML)
	cmd.Flags().BoolVar(&o.record, "record", false,
		"record the numbers and the first missing tags on each list, where status shows them; this patches its ConfigMap")
	return cmd
}

func check(ctx context.Context, o *checkOptions, out, errOut io.Writer) error {
	if err := o.namespaceOptions.check(); err != nil {
		return usageError(err)
	}
	if o.record && o.namespace != "" {
		return usageError(fmt.Errorf("--record with --namespace %s: want a check of all releases", o.namespace))
	}
	clusters, err := o.configs()
	if err != nil {
		return usageError(err)
	}
	lists, err := readLists(ctx, clusters, &o.clusterOptions)
	if err != nil {
		return &exitError{exitUnknown, fmt.Errorf("not checked: %w", err)}
	}
	readReports(ctx, clusters, o.pinsyncNamespace, lists)
	pins, err := pinsOf(lists, o.namespace)
	if err != nil {
		return &exitError{exitUnknown, err}
	}
	result, err := o.registryOptions.check(ctx, pins, clusters, errOut)
	if err != nil {
		return err
	}
	if err := printAs(out, o.format, result, checkTable); err != nil {
		return err
	}
	err = verdict(result, lists, o)
	if o.record {
		err = errors.Join(err, recordCheck(ctx, result, clusters, lists))
	}
	return err
}

// pinsOf returns the pins of all lists, or those that the releases of a namespace need or that are held
// for them, as far as is known. It returns an error if there is no such release: that nothing is missing
// would prove nothing.
func pinsOf(lists []pinlist.Published, namespace string) ([]v1alpha1.Pin, error) {
	var pins []v1alpha1.Pin
	var namespaces []string
	for i := range lists {
		pins = append(pins, lists[i].Described()...)
		if lists[i].Report != nil {
			for _, r := range lists[i].Report.Releases {
				namespaces = append(namespaces, r.Namespace)
			}
		}
	}
	found := pin.AsFound(pin.MergePins(pins))
	if namespace == "" {
		return found, nil
	}
	if !slices.Contains(namespaces, namespace) && doubtOwners(lists) == nil {
		return nil, noRelease(namespace, namespaces)
	}
	return slices.DeleteFunc(found, func(p v1alpha1.Pin) bool {
		owners := slices.Concat(p.NeededBy, heldFor(&p))
		return len(owners) > 0 && !slices.ContainsFunc(owners, func(owner string) bool {
			id, ok := object.ParseID(owner)
			return !ok || id.Namespace == namespace // any other owner stands for releases that are not known
		})
	}), nil
}

// noRelease returns the error of a namespace that is not among those with protected releases.
func noRelease(namespace string, namespaces []string) error {
	slices.Sort(namespaces)
	return fmt.Errorf("no release in namespace %s is protected: those with such releases are %s", namespace, someOf(slices.Compact(namespaces)))
}

// doubtOwners returns an error if it is not known of every list which releases need its pins.
func doubtOwners(lists []pinlist.Published) error {
	for i := range lists {
		what := lists[i].Cluster + ": the report on the list " + lists[i].Name + ", which has the releases that need its pins,"
		switch {
		case lists[i].Report == nil:
			return fmt.Errorf("%s cannot be read", what)
		case lists[i].HasEarlierReport():
			return fmt.Errorf("%s %w", what, pinlist.ErrEarlierReport)
		}
	}
	return nil
}

// heldFor returns the owners that a pin is held for.
func heldFor(p *v1alpha1.Pin) []string {
	var owners []string
	for i := range p.HeldFor {
		owners = append(owners, p.HeldFor[i].Owner)
	}
	return owners
}

// waitingFor returns the owners of holds that may still need the pin.
func waitingFor(holds []v1alpha1.Hold) []string {
	var owners []string
	for i := range holds {
		if holds[i].SafeSince == nil {
			owners = append(owners, holds[i].Owner)
		}
	}
	return owners
}

// check looks up the images of pins in their registries.
func (o *registryOptions) check(
	ctx context.Context, pins []v1alpha1.Pin, clusters []*rest.Config, errOut io.Writer,
) (*v1alpha1.RegistryCheck, error) {
	result := &v1alpha1.RegistryCheck{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.RegistryCheckKind, Images: make([]v1alpha1.CheckedImage, len(pins)),
	}
	var refs []image.Reference
	var indices []int
	for i := range pins {
		result.Images[i] = v1alpha1.CheckedImage{
			Image: pins[i].Image, Pin: pins[i].Pin, State: pins[i].State,
			NeededBy: append([]string{}, pins[i].NeededBy...), HeldFor: waitingFor(pins[i].HeldFor),
			Status: v1alpha1.ImageUnknown, Message: "the list does not name the image of this pin",
		}
		ref, err := image.ParseChart(pins[i].Image)
		if err != nil {
			ref, err = image.Parse(pins[i].Image)
		}
		if err != nil || ref.Tag == "" {
			continue
		}
		digests := pins[i].Digests
		if len(digests) == 0 {
			digests = []string{""}
		}
		for _, ref.Digest = range digests {
			refs, indices = append(refs, ref), append(indices, i)
		}
	}
	checker, err := o.checker(ctx, refs, clusters)
	if err != nil {
		return nil, err
	}
	progress := newProgress(errOut, len(refs))
	answers := checker.Check(ctx, refs, progress.step)
	progress.end()
	for i, answer := range answers {
		at := &result.Images[indices[i]]
		if i == 0 || indices[i] != indices[i-1] || isWorse(answer.Status, at.Status) {
			at.Status, at.Message = answer.Status, answer.Message
		}
	}
	return result, ctx.Err()
}

// isWorse reports whether a status is worse than another one.
func isWorse(status, than v1alpha1.ImageStatus) bool {
	order := []v1alpha1.ImageStatus{
		v1alpha1.ImagePresent, v1alpha1.ImageUnknown, v1alpha1.ImageUnreachable, v1alpha1.ImageUnauthorized,
		v1alpha1.ImageIncomplete, v1alpha1.ImageMissing,
	}
	return slices.Index(order, status) > slices.Index(order, than)
}

// checker returns a checker with the user's credentials and, with --flux-credentials, Flux's
// before them.
func (o *registryOptions) checker(ctx context.Context, refs []image.Reference, clusters []*rest.Config) (*registry.Checker, error) {
	plain := make([]string, len(o.insecure))
	for i, host := range o.insecure {
		normal, err := image.ParseHost(host)
		if err != nil {
			return nil, usageError(fmt.Errorf("--insecure-registry %q: %w", host, err))
		}
		plain[i] = normal
	}
	docker, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, usageError(fmt.Errorf("reading the Docker configuration: %w", err))
	}
	ofFlux := inspect.Logins{}
	if o.fluxCredentials {
		repositories := map[image.Repository]bool{}
		for _, ref := range refs {
			repositories[ref.Repository] = true
		}
		for _, cluster := range clusters {
			if err := inspect.Credentials(ctx, cluster, repositories, ofFlux); err != nil {
				return nil, &exitError{exitUnknown, fmt.Errorf("--flux-credentials: %s: %w", cluster.Host, err)}
			}
		}
	}
	return registry.NewChecker(func(repository image.Repository) []auth.CredentialFunc {
		return ofFlux.With(repository, credentials.Credential(docker))
	}, plain), nil
}

// verdict returns nil if all images exist, and the lists are known to name all that are
// needed, and those of the namespace.
func verdict(result *v1alpha1.RegistryCheck, lists []pinlist.Published, o *checkOptions) error {
	missing, unknown := count(result)
	if missing > 0 {
		return &exitError{exitMissing, fmt.Errorf("%s missing or incomplete", object.Amount(missing, "needed image"))}
	}
	if unknown > 0 {
		return &exitError{exitUnknown, fmt.Errorf("%s could not be checked", object.Amount(unknown, "needed image"))}
	}
	if err := doubtOwners(lists); o.namespace != "" && err != nil {
		return &exitError{exitUnknown, fmt.Errorf("images that releases in namespace %s need may not have been checked: %w", o.namespace, err)}
	}
	for _, l := range lists {
		if err := l.Doubt(l.Read.At, o.maxAge, l.Report); err != nil {
			return &exitError{exitUnknown, fmt.Errorf("the list may lack needed images, which were not checked: %s: %w", l.Cluster, err)}
		}
	}
	return nil
}

// count returns the number of images that are missing or incomplete, and of those that could
// not be checked. Those do not count that no release needs or may need.
func count(result *v1alpha1.RegistryCheck) (missing, unknown int) {
	for i := range result.Images {
		switch checked := &result.Images[i]; {
		case !mayBeNeeded(checked):
		case isMissing(checked.Status):
			missing++
		case checked.Status != v1alpha1.ImagePresent:
			unknown++
		}
	}
	return missing, unknown
}

// mayBeNeeded reports whether a release needs an image, or may.
func mayBeNeeded(checked *v1alpha1.CheckedImage) bool {
	return checked.State != v1alpha1.PinHeld || len(checked.HeldFor) > 0
}

// isMissing reports whether an image cannot be pulled as a whole.
func isMissing(status v1alpha1.ImageStatus) bool {
	return status == v1alpha1.ImageMissing || status == v1alpha1.ImageIncomplete
}
