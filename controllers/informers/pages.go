package informers

import (
	"context"
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// perPage is how many objects one list request returns: few, for each may have a megabyte.
const perPage = 50

// EachPage reads objects from the API server, page by page, and hands them on one by one,
// so that never all of them are in memory.
func EachPage(
	ctx context.Context, live client.Reader, list client.ObjectList, take func(client.Object) error, options ...client.ListOption,
) error {
	for next := ""; ; {
		page, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			return fmt.Errorf("%T is not a list", list)
		}
		if err := live.List(ctx, page, append(options, client.Limit(perPage), client.Continue(next))...); err != nil {
			return err
		}
		err := apimeta.EachListItem(page, func(item runtime.Object) error {
			object, ok := item.(client.Object)
			if !ok {
				return fmt.Errorf("%T is not an object", item)
			}
			return take(object)
		})
		if err != nil {
			return err
		}
		if next = page.GetContinue(); next == "" {
			return nil
		}
	}
}
