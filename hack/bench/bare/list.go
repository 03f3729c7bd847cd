package bare

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// list reads all objects of the kinds once, all kinds at the same time as informers do:
// the least that anyone must read who wants to know what releases need.
func list(ctx context.Context, config *rest.Config, scheme *runtime.Scheme) error {
	c, err := newClient(config, scheme)
	if err != nil {
		return err
	}
	all := lists()
	errs := make(chan error, len(all))
	for _, objects := range all {
		go func() { errs <- c.List(ctx, objects) }()
	}
	for range all {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return err
	}
	if err := done(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
