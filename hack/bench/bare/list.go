package bare

import (
	"context"
	"errors"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// list reads all objects of the kinds once, all kinds concurrently as informers do: the
// minimum that must be read to know what releases need.
func list(ctx context.Context, config *rest.Config) error {
	c, err := local.NewClient(config)
	if err != nil {
		return err
	}
	all := lists()
	errs := make(chan error, len(all))
	for _, objects := range all {
		go func() { errs <- pages(ctx, c, objects) }()
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

// perPage is the largest number of objects in a response. The API server must respond within
// a minute, which it cannot with fifty thousand.
const perPage = 10_000

func pages(ctx context.Context, c client.Client, objects client.ObjectList) error {
	for next := ""; ; {
		if err := c.List(ctx, objects, client.Limit(perPage), client.Continue(next)); err != nil {
			return err
		}
		if next = objects.GetContinue(); next == "" {
			return nil
		}
	}
}
