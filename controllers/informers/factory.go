package informers

import (
	"context"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// NewInformerFunc is the type of cache.Options.NewInformer.
type NewInformerFunc = func(
	toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers,
) toolscache.SharedIndexInformer

// Factory returns what makes a cache's informers, with the requests, indexers and health of
// these. Objects are kept as that function converts them.
func Factory(scheme *runtime.Scheme, all []*Informer, keep toolscache.TransformFunc) NewInformerFunc {
	byKind := make(map[schema.GroupVersionKind]*Informer, len(all))
	for _, i := range all {
		byKind[i.GVK] = i
	}
	return func(lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		gvk, err := apiutil.GVKForObject(object, scheme)
		i := byKind[gvk]
		if err != nil || i == nil {
			return toolscache.NewSharedIndexInformer(lw, object, resync, indexers)
		}
		indexers = maps.Clone(indexers)
		maps.Copy(indexers, i.Indexers)
		requests := i.requestsOf(lw)
		informer := toolscache.NewSharedIndexInformer(i.observe(i.ctx, requests, keep), object, resync, indexers)
		i.setStore(informer.GetIndexer(), requests)
		return informer
	}
}

// requestsOf returns the requests for the objects that the informer selects; lw has those of its cache for all.
func (i *Informer) requestsOf(lw toolscache.ListerWatcher) *toolscache.ListWatch {
	inner := toolscache.ToListerWatcherWithContext(lw)
	list := inSmallPages(inner.ListWithContext)
	if i.lister != nil {
		list = i.lister.list
	}
	selected := func(options metav1.ListOptions) metav1.ListOptions {
		if i.Selector != nil {
			options.LabelSelector = i.Selector.String()
		}
		return options
	}
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return list(ctx, selected(options))
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return inner.WatchWithContext(ctx, selected(options))
		},
	}
}
