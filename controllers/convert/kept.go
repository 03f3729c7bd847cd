package convert

import (
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Kept is what a cache keeps of an object: what it was converted to, and what identifies
// it. It is never changed.
type Kept[T any] struct {
	metav1.ObjectMeta
	Value T
	// namespace is one for all objects of a namespace, and so is its name in them: a pass looks each release up
	// several times, and most of that is waiting for memory.
	namespace unique.Handle[string]
}

// GetObjectKind makes it an object for the caches; its kind is not used.
func (k *Kept[T]) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject makes it an object for the caches.
func (k *Kept[T]) DeepCopyObject() runtime.Object {
	return new(*k)
}

// KeptRelease is what a cache keeps of a HelmRelease.
type KeptRelease struct {
	// Release has its images where its values come from the release alone.
	Release pin.Release

	// Values are the values of a release that takes some from other objects. Both are nil
	// for a release whose values are not kept.
	Values *Values

	// Chart is what its chart depends on; nil for a release that is not to be protected.
	Chart *ChartSpec

	// HelmChartNamespace is that of the HelmChart that helm-controller makes for the release, live or
	// not; empty, it makes none.
	HelmChartNamespace string
}

// keep converts an object for a cache.
func keep[O metav1.Object, T any](o O, convert func(O) T) *Kept[T] {
	namespace := unique.Make(o.GetNamespace())
	o.SetNamespace(namespace.Value())
	return &Kept[T]{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(),
			ResourceVersion: o.GetResourceVersion(), Generation: o.GetGeneration(),
		},
		Value: convert(o), namespace: namespace,
	}
}

// Spend reports whether images may be found in so many bytes of values of a namespace now.
type Spend func(namespace string, bytes int) bool

// Keep returns what converts objects for a cache. The values of a HelmRelease are kept where it
// may be protected, of the suspended ones, or of all, and they are small. What is converted already is returned as
// it is, and so are other objects.
func Keep(all bool, spend Spend) toolscache.TransformFunc {
	return func(object any) (any, error) {
		switch o := object.(type) {
		case *flux.HelmRelease:
			if all || o.Spec.Suspend {
				return KeepSmall(o, spend), nil
			}
			return keep(o, keptRelease), nil
		case *flux.ImagePolicy:
			return keep(o, Policy), nil
		case *flux.ImageRepository:
			return keep(o, Repository), nil
		case flux.Source:
			return keep(o, SourceOf), nil
		case *metav1.PartialObjectMetadata:
			if o.Namespace == "" { // of a kind without namespaces: Namespace
				return keep[metav1.Object](o, Namespace), nil
			}
			o.ManagedFields = nil
			return o, nil
		default:
			return object, nil
		}
	}
}

// KeepSmall converts a HelmRelease with its values, if they, and what is found in them, take little memory: what
// caches keep is not counted.
func KeepSmall(o *flux.HelmRelease, spend Spend) *Kept[KeptRelease] {
	kept := KeepWhole(o, spend)
	release := &kept.Value.Release
	if kept.Value.Values != nil && !kept.Value.Values.IsSmall() {
		kept.Value.Values = nil
	}
	if release.Images != nil && BytesOf(release.Images) > budget.CachedMentions*budget.MentionBytes {
		release.Images = nil
	}
	return kept
}

// KeepWhole converts a HelmRelease with its values; without them, if images may not be found in them
// now.
func KeepWhole(o *flux.HelmRelease, spend Spend) *Kept[KeptRelease] {
	return keep(o, func(o *flux.HelmRelease) KeptRelease {
		kept := keptRelease(o)
		kept.Chart = ChartSpecOf(o)
		values := ValuesOf(o)
		switch {
		case len(values.valuesFrom) > 0:
			kept.Values = values
		case spend(o.Namespace, max(0, values.Size(nil)-budget.FreeBytes)):
			kept.Release.Images = values.Find(nil)
		}
		return kept
	})
}

// keptRelease converts a HelmRelease without its values.
func keptRelease(o *flux.HelmRelease) KeptRelease {
	return KeptRelease{Release: Release(o), HelmChartNamespace: helmChartNamespaceOf(o)}
}
