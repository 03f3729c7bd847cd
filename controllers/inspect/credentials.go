package inspect

import (
	"context"
	"fmt"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// Credentials adds to stores, for those of the wanted repositories that have none yet, what
// Flux logs in to them with: the Docker configuration in the secretRef of their
// ImageRepository.
func Credentials(
	ctx context.Context, cluster *rest.Config, wanted map[image.Repository]bool, stores map[image.Repository]credentials.Store,
) error {
	c, err := newClient(cluster)
	if err != nil {
		return err
	}
	var found imagev1.ImageRepositoryList
	if err := c.List(ctx, &found); err != nil {
		return fmt.Errorf("reading ImageRepositories: %w", err)
	}
	for i := range found.Items {
		o := &found.Items[i]
		repository, err := image.ParseRepository(o.Spec.Image)
		if err != nil || o.Spec.SecretRef == nil || !wanted[repository] || stores[repository] != nil {
			continue
		}
		key := client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.SecretRef.Name}
		if stores[repository], err = store(ctx, c, key); err != nil {
			return fmt.Errorf("ImageRepository %s: %w", client.ObjectKeyFromObject(o), err)
		}
	}
	return nil
}

// store reads the Docker configuration that a Secret holds.
func store(ctx context.Context, c client.Reader, key client.ObjectKey) (credentials.Store, error) {
	secret := &corev1.Secret{}
	if err := c.Get(ctx, key, secret); err != nil {
		return nil, err
	}
	text, found := secret.Data[corev1.DockerConfigJsonKey]
	if !found {
		return nil, fmt.Errorf("its Secret %s has no key %s", key, corev1.DockerConfigJsonKey)
	}
	configured, err := credentials.NewMemoryStoreFromDockerConfig(text)
	if err != nil {
		return nil, fmt.Errorf("its Secret %s: %w", key, err)
	}
	return configured, nil
}
