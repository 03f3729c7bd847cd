package convert

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Kept is what a cache keeps of an object: what it was converted to, and what it is known
// by. It is never changed.
type Kept[T any] struct {
	metav1.ObjectMeta
	Value T
}

// GetObjectKind makes it an object for the caches; nobody asks for its kind.
func (k *Kept[T]) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject makes it an object for the caches.
func (k *Kept[T]) DeepCopyObject() runtime.Object {
	same := *k
	return &same
}

// KeptRelease is what a cache keeps of a HelmRelease.
type KeptRelease struct {
	// Release has what was found in its contents where no source is needed for that.
	Release pin.Release

	// Contents are those of a release whose values come from sources, too. Both are nil for
	// a release whose contents are not kept.
	Contents *Contents
}

// keep converts an object for a cache.
func keep[O metav1.Object, T any](o O, value T) *Kept[T] {
	return &Kept[T]{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(),
			ResourceVersion: o.GetResourceVersion(), Generation: o.GetGeneration(),
		},
		Value: value,
	}
}

// Keep returns what converts objects for a cache. Of HelmReleases the contents are kept of
// those that may be protected: the suspended ones, or all. What was kept before passes as it
// is, and so does what nobody converts.
func Keep(all bool) toolscache.TransformFunc {
	return func(object any) (any, error) {
		switch o := object.(type) {
		case *flux.HelmRelease:
			if all || o.Spec.Suspend {
				return KeepWhole(o), nil
			}
			return keep(o, KeptRelease{Release: Release(o)}), nil
		case *flux.ImagePolicy:
			return keep(o, Policy(o)), nil
		case *flux.ImageRepository:
			return keep(o, Repository(o)), nil
		case *metav1.PartialObjectMetadata:
			if o.Namespace == "" { // of a kind without namespaces: Namespace
				return keep(o, Namespace(o)), nil
			}
			o.ManagedFields = nil
			return o, nil
		default:
			return object, nil
		}
	}
}

// KeepWhole converts a HelmRelease with its contents.
func KeepWhole(o *flux.HelmRelease) *Kept[KeptRelease] {
	kept := KeptRelease{Release: Release(o)}
	contents := ContentsOf(o)
	if len(contents.valuesFrom) > 0 {
		kept.Contents = contents
	} else {
		kept.Release.Found = contents.Find(nil)
	}
	return keep(o, kept)
}
