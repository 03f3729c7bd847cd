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

// Credentials adds to logins the credentials that Flux uses for the wanted repositories: the
// Docker configuration in the secretRef of each of their ImageRepositories. A cluster
// without this kind has none.
func Credentials(ctx context.Context, cluster *rest.Config, wanted map[image.Repository]bool, logins Logins) error {
	c, err := newClient(cluster)
	if err != nil {
		return err
	}
	var found flux.ImageRepositoryList
	if err := c.List(ctx, &found); err != nil && !apimeta.IsNoMatchError(err) {
		return fmt.Errorf("reading ImageRepositories: %w", err)
	}
	read := map[repositorySecret]bool{}
	for i := range found.Items {
		o := &found.Items[i]
		repository, err := image.ParseRepository(o.Spec.Image)
		if err != nil || o.Spec.SecretRef == nil || !wanted[repository] {
			continue
		}
		from := repositorySecret{repository, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.SecretRef.Name}}
		if read[from] {
			continue
		}
		read[from] = true
		if store, err := from.read(ctx, c); err != nil {
			logins.addBroken(repository, fmt.Errorf("ImageRepository %s: Secret %s: %w", client.ObjectKeyFromObject(o), from.secret, err))
		} else {
			logins.add(repository, credentials.Credential(store))
		}
	}
	return nil
}

// repositorySecret is a Secret with the credentials for a repository.
type repositorySecret struct {
	repository image.Repository
	secret     client.ObjectKey
}

// read reads the Docker configuration in the Secret.
func (s repositorySecret) read(ctx context.Context, c client.Reader) (credentials.Store, error) {
	secret := &corev1.Secret{}
	if err := c.Get(ctx, s.secret, secret); err != nil {
		return nil, err
	}
	text, ok := secret.Data[corev1.DockerConfigJsonKey]
	if !ok {
		return nil, fmt.Errorf("has no key %s", corev1.DockerConfigJsonKey)
	}
	store, err := credentials.NewMemoryStoreFromDockerConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", corev1.DockerConfigJsonKey, err)
	}
	login, err := store.Get(ctx, credentials.ServerAddressFromRegistry(s.repository.Host))
	if err == nil && login == auth.EmptyCredential {
		err = fmt.Errorf("%s has no credentials for %s", corev1.DockerConfigJsonKey, s.repository.Host)
	}
	return store, err
}
