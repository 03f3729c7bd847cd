package inspect

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// Credentials adds to logins what Flux logs in to the wanted repositories with: the Docker
// configuration in the secretRef of each of their ImageRepositories. There are none where
// the cluster does not have this kind.
func Credentials(ctx context.Context, cluster *rest.Config, wanted map[image.Repository]bool, logins Logins) error {
	c, err := newClient(cluster)
	if err != nil {
		return err
	}
	var found flux.ImageRepositoryList
	if err := c.List(ctx, &found); err != nil && !apimeta.IsNoMatchError(err) {
		return fmt.Errorf("reading ImageRepositories: %w", err)
	}
	read := map[source]bool{}
	for i := range found.Items {
		o := &found.Items[i]
		repository, err := image.ParseRepository(o.Spec.Image)
		if err != nil || o.Spec.SecretRef == nil || !wanted[repository] {
			continue
		}
		from := source{repository, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.SecretRef.Name}}
		if read[from] {
			continue
		}
		read[from] = true
		if store, err := from.read(ctx, c); err != nil {
			logins.addBroken(repository, fmt.Errorf("ImageRepository %s: its Secret %s: %w", client.ObjectKeyFromObject(o), from.secret, err))
		} else {
			logins.add(repository, credentials.Credential(store))
		}
	}
	return nil
}

// source is a Secret that a repository is logged in to with.
type source struct {
	repository image.Repository
	secret     client.ObjectKey
}

// read reads the Docker configuration that a Secret holds.
func (s source) read(ctx context.Context, c client.Reader) (credentials.Store, error) {
	secret := &corev1.Secret{}
	if err := c.Get(ctx, s.secret, secret); err != nil {
		return nil, err
	}
	text, found := secret.Data[corev1.DockerConfigJsonKey]
	if !found {
		return nil, fmt.Errorf("it has no key %s", corev1.DockerConfigJsonKey)
	}
	store, err := credentials.NewMemoryStoreFromDockerConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", corev1.DockerConfigJsonKey, err)
	}
	login, err := store.Get(ctx, credentials.ServerAddressFromRegistry(s.repository.Host))
	if err == nil && login == auth.EmptyCredential {
		err = fmt.Errorf("%s has no login to %s", corev1.DockerConfigJsonKey, s.repository.Host)
	}
	return store, err
}
