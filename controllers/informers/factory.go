package informers

import (
	"context"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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

// Factory returns what makes a cache's informers, with the selectors, indexers and health of
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
		informer := toolscache.NewSharedIndexInformer(i.observe(i.ctx, selected(lw, i.Selector), keep), object, resync, indexers)
		i.setStore(informer.GetIndexer())
		return informer
	}
}

// selected limits requests to objects with some labels; nil: all.
func selected(lw toolscache.ListerWatcher, selector labels.Selector) toolscache.ListerWatcher {
	if selector == nil {
		return lw
	}
	inner := toolscache.ToListerWatcherWithContext(lw)
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = selector.String()
			return inner.ListWithContext(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = selector.String()
			return inner.WatchWithContext(ctx, options)
		},
	}
}
