package informers

import (
	"context"
	"fmt"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
)

// pageTimeout is how long the API server may take for one page of a list.
const pageTimeout = time.Minute

// listWatch are the requests of an informer or reflector that lists before it watches. A watch that
// sends the initial objects takes twice the CPU: the decoder reads each object nine times, to find
// its end, its event and its kind.
type listWatch struct{ *toolscache.ListWatch }

// IsWatchListSemanticsUnSupported tells a reflector to list: it does not check another way.
func (listWatch) IsWatchListSemanticsUnSupported() bool { return true }

// keptList is a list of what objects were converted to.
type keptList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []runtime.Object
}

// DeepCopyObject makes it a list for reflectors, which do not change it.
func (l *keptList) DeepCopyObject() runtime.Object {
	same := *l
	return &same
}

// listAll lists all objects as they are now, and converts those of each page before it requests the
// next, so that never all are in memory as they were read.
func listAll(
	ctx context.Context, list func(context.Context, metav1.ListOptions) (runtime.Object, error), keep toolscache.TransformFunc,
) (*keptList, error) {
	all := &keptList{}
	for next := ""; ; {
		page, err := listPage(ctx, list, metav1.ListOptions{Limit: perPage, Continue: next})
		if err != nil {
			return nil, err
		}
		meta, err := apimeta.ListAccessor(page)
		if err != nil {
			return nil, err
		}
		err = apimeta.EachListItemWithAlloc(page, func(item runtime.Object) error {
			kept, err := keep(item)
			object, ok := kept.(runtime.Object)
			if err == nil && !ok {
				err = fmt.Errorf("%T is not an object", kept)
			}
			all.Items = append(all.Items, object)
			return err
		})
		if err != nil {
			return nil, err
		}
		all.ResourceVersion = meta.GetResourceVersion()
		if next = meta.GetContinue(); next == "" {
			return all, nil
		}
	}
}

func listPage(
	ctx context.Context, list func(context.Context, metav1.ListOptions) (runtime.Object, error), options metav1.ListOptions,
) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	return list(ctx, options)
}
