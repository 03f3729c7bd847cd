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

// listFunc requests a list, or a page of it.
type listFunc = func(context.Context, metav1.ListOptions) (runtime.Object, error)

// pageTimeout is how long the API server may take for one page of a list.
const pageTimeout = time.Minute

// maxPage is how many objects are requested at once at most, and unknownPage where it is not known how long they
// are, or is only known when all are in memory: each object may have a megabyte.
const (
	maxPage     = 500
	unknownPage = 50
)

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
	return new(*l)
}

// listAll lists all objects as they are now, converted.
func listAll(ctx context.Context, list listFunc, keep toolscache.TransformFunc) (*keptList, error) {
	all := &keptList{}
	version, err := each(ctx, list, func(item runtime.Object) error {
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
	all.ResourceVersion = version
	return all, nil
}

// each hands all objects on one by one, as they are now, and returns the resource version of the list. Those of a
// page are handed on before the next is requested, so that never all are in memory as they were read.
func each(ctx context.Context, list listFunc, take func(runtime.Object) error) (version string, err error) {
	options := metav1.ListOptions{Limit: maxPage}
	for {
		page, err := listPage(ctx, list, options)
		if err != nil {
			return "", err
		}
		meta, err := apimeta.ListAccessor(page)
		if err != nil {
			return "", err
		}
		if err := apimeta.EachListItemWithAlloc(page, take); err != nil {
			return "", err
		}
		if options.Continue = meta.GetContinue(); options.Continue == "" {
			return meta.GetResourceVersion(), nil
		}
	}
}

func listPage(ctx context.Context, list listFunc, options metav1.ListOptions) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	return list(ctx, options)
}
