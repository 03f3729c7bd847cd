package inspect

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Release reads a release with its values, and all that its pins depend on. An entry of
// valuesFrom that cannot be read is a problem of the release, all else is an error.
func Release(ctx context.Context, cluster *rest.Config, id object.ID, readSecrets bool) (*pin.Snapshot, error) {
	c, err := newClient(cluster)
	if err != nil {
		return nil, err
	}
	s := &pin.Snapshot{}
	namespace := &corev1.Namespace{}
	if err := c.Get(ctx, client.ObjectKey{Name: id.Namespace}, namespace); err != nil {
		return nil, fmt.Errorf("reading the namespace: %w", err)
	}
	s.Namespaces = append(s.Namespaces, convert.Namespace(namespace))
	object := &flux.HelmRelease{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name.Name}, object); err != nil {
		return nil, fmt.Errorf("reading the HelmRelease: %w", err)
	}
	release := convert.Release(object)
	release.Images = convert.ValuesOf(object).Find(valuesFrom(ctx, c, readSecrets))
	s.Releases = append(s.Releases, release)
	return s, readPolicies(ctx, c, s)
}

// readPolicies adds the policies and their repositories. A cluster without these kinds has
// none.
func readPolicies(ctx context.Context, c client.Reader, s *pin.Snapshot) error {
	var policies flux.ImagePolicyList
	var repositories flux.ImageRepositoryList
	for _, list := range []client.ObjectList{&policies, &repositories} {
		if err := c.List(ctx, list); err != nil && !apimeta.IsNoMatchError(err) {
			return fmt.Errorf("reading Flux's image automation: %w", err)
		}
	}
	for i := range policies.Items {
		s.Policies = append(s.Policies, convert.Policy(&policies.Items[i]))
	}
	for i := range repositories.Items {
		s.Repositories = append(s.Repositories, convert.Repository(&repositories.Items[i]))
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
