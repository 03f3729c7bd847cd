package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// streams are those that feed the caches, one for each kind.
type streams struct {
	request reconcile.Request
	scheme  *runtime.Scheme
	byKind  map[schema.GroupVersionKind]*stream
}

// of returns the stream of a kind.
func (s *streams) of(gvk schema.GroupVersionKind) *stream {
	if s.byKind[gvk] == nil {
		s.byKind[gvk] = &stream{kind: gvk.Kind, request: s.request}
	}
	return s.byKind[gvk]
}

// newInformer makes an informer that is fed by the stream of its kind.
func (s *streams) newInformer(
	lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	gvk, err := apiutil.GVKForObject(object, s.scheme)
	known := err == nil && s.byKind[gvk] != nil
	if known {
		lw = s.byKind[gvk].follow(lw)
	}
	informer := toolscache.NewSharedIndexInformer(lw, object, resync, indexers)
	if known {
		s.byKind[gvk].keep(informer.GetStore())
	}
	return informer
}
