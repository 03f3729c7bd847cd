package inspect

import (
	"context"
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Inspected is a release with what its pins depend on, as far as it may be read.
type Inspected struct {
	Snapshot *pin.Snapshot
	// ChartKinds are the kinds of the objects that the release's chart comes from.
	ChartKinds []string
	// Unread are the errors of what the user may not read: it is not in the snapshot.
	Unread []error
}

// Releases returns the resource of the kind that can be inspected.
func Releases() schema.GroupVersionResource {
	return helmv2.GroupVersion.WithResource("helmreleases")
}

// Release reads a release with its values, and all that its pins depend on. An entry of
// valuesFrom that cannot be read is a problem of the release. What the user may not read is in
// Unread; all else is an error.
func Release(ctx context.Context, cluster *rest.Config, id object.ID, readSecrets bool) (*Inspected, error) {
	c, err := newClient(cluster)
	if err != nil {
		return nil, err
	}
	r := &Inspected{Snapshot: &pin.Snapshot{}}
	read := &flux.HelmRelease{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name.Name}, read); err != nil {
		return nil, err
	}
	r.ChartKinds = convert.ChartSpecOf(read).Kinds()
	release := convert.Release(read)
	release.Images = convert.ValuesOf(read).Find(valuesFrom(ctx, c, readSecrets))
	r.Snapshot.Releases = append(r.Snapshot.Releases, release)
	namespace := &corev1.Namespace{}
	switch err := c.Get(ctx, client.ObjectKey{Name: id.Namespace}, namespace); {
	case apierrors.IsForbidden(err):
		r.Unread = append(r.Unread, err)
	case err != nil:
		return nil, err
	}
	r.Snapshot.Namespaces = append(r.Snapshot.Namespaces, convert.Namespace(namespace))
	return r, r.readPolicies(ctx, c, id.Namespace)
}

// Names returns the names of the releases in a namespace; empty means all namespaces.
func Names(ctx context.Context, cluster *rest.Config, namespace string) ([]object.Name, error) {
	c, err := newClient(cluster)
	if err != nil {
		return nil, err
	}
	found := &metav1.PartialObjectMetadataList{}
	found.SetGroupVersionKind(helmv2.GroupVersion.WithKind("HelmReleaseList"))
	err = c.List(ctx, found, client.InNamespace(namespace))
	names := make([]object.Name, len(found.Items))
	for i := range found.Items {
		names[i] = object.Name{Namespace: found.Items[i].Namespace, Name: found.Items[i].Name}
	}
	return names, err
}

// readPolicies adds the policies and their repositories: those of the release's namespace if the
// user may not read the others. A cluster without these kinds has none.
func (r *Inspected) readPolicies(ctx context.Context, c client.Client, namespace string) error {
	var policies flux.ImagePolicyList
	var repositories flux.ImageRepositoryList
	for _, list := range []client.ObjectList{&policies, &repositories} {
		err := c.List(ctx, list)
		if apierrors.IsForbidden(err) {
			r.Unread = append(r.Unread, err)
			if err = c.List(ctx, list, client.InNamespace(namespace)); apierrors.IsForbidden(err) {
				continue // that they cannot be read is recorded
			}
		}
		if err != nil && !apimeta.IsNoMatchError(err) {
			return fmt.Errorf("reading Flux's image automation: %w", err)
		}
	}
	for i := range policies.Items {
		r.Snapshot.Policies = append(r.Snapshot.Policies, convert.Policy(&policies.Items[i]))
	}
	for i := range repositories.Items {
		r.Snapshot.Repositories = append(r.Snapshot.Repositories, convert.Repository(&repositories.Items[i]))
	}
	return nil
}

// valuesFrom returns a function that reads an entry of valuesFrom.
func valuesFrom(ctx context.Context, c client.Reader, readSecrets bool) convert.LookUpValues {
	return func(ref convert.ValuesRef) convert.ValuesObject {
		if ref.Kind == convert.SecretKind && !readSecrets {
			return convert.ValuesObject{NotRead: convert.SecretsIgnored}
		}
		data, _, err := convert.ReadValues(ctx, c, ref)
		if err != nil {
			return convert.ValuesObject{NotRead: "could not be read: " + err.Error()}
		}
		return convert.ValuesObject{Data: data}
	}
}
