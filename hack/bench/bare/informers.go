package bare

import (
	"context"
	"errors"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// informers caches the full objects of the kinds, which is the default of a controller, until
// ctx is done.
func informers(ctx context.Context, config *rest.Config) error {
	scheme, err := local.NewScheme()
	if err != nil {
		return err
	}
	objects, err := cache.New(config, cache.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	for _, kind := range kinds() {
		if _, err := objects.GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- objects.Start(ctx) }()
	if !objects.WaitForCacheSync(ctx) {
		return errors.Join(errors.New("the caches could not be synced"), <-ended)
	}
	return errors.Join(done(), <-ended)
}
