package informers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// EachPage reads objects from the API server, page by page, and hands them on one by one,
// so that never all of them are in memory.
func EachPage(
	ctx context.Context, live client.Reader, list client.ObjectList, take func(client.Object) error, options ...client.ListOption,
) error {
	_, err := each(ctx, inSmallPages(func(ctx context.Context, page metav1.ListOptions) (runtime.Object, error) {
		objects, err := newList(list)
		if err != nil {
			return nil, err
		}
		return objects, live.List(ctx, objects, append(options, client.Limit(page.Limit), client.Continue(page.Continue))...)
	}), objects(take))
	return err
}

// newList returns a list like an empty one.
func newList(empty client.ObjectList) (client.ObjectList, error) {
	list, ok := empty.DeepCopyObject().(client.ObjectList)
	if !ok {
		return nil, fmt.Errorf("%T is not a list", empty)
	}
	return list, nil
}

// inSmallPages returns requests for so few objects that it does not matter how long they are.
func inSmallPages(list listFunc) listFunc {
	return func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		options.Limit = min(options.Limit, unknownPage)
		return list(ctx, options)
	}
}

// objects returns a function that takes the items of a list as objects.
func objects(take func(client.Object) error) func(runtime.Object) error {
	return func(item runtime.Object) error {
		object, ok := item.(client.Object)
		if !ok {
			return fmt.Errorf("%T is not an object", item)
		}
		return take(object)
	}
}
