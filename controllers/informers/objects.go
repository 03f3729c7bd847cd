package informers

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
)

// Get returns what the cache has of one object; false, it has none.
func (i *Informer) Get(key client.ObjectKey) (client.Object, bool) {
	store, _ := i.synced()
	if store == nil {
		return nil, false
	}
	name := toolscache.NewObjectName(key.Namespace, key.Name)
	kept, _, _ := store.GetByKey(name.String()) // client-go's own stores do not fail
	object, ok := kept.(client.Object)
	return object, ok
}

// List returns what the cache keeps of all objects; nothing where it is not in sync.
func List[T any](i *Informer) []*convert.Kept[T] {
	store, _ := i.synced()
	if store == nil {
		return nil
	}
	return keptOf[T](store.List())
}

// ByIndex returns what the cache keeps of the objects that one of the informer's indexers
// gives that value.
func ByIndex[T any](i *Informer, index, value string) ([]*convert.Kept[T], error) {
	store, _ := i.synced()
	if store == nil {
		return nil, nil
	}
	objects, err := store.ByIndex(index, value)
	return keptOf[T](objects), err
}

func keptOf[T any](objects []any) []*convert.Kept[T] {
	result := make([]*convert.Kept[T], 0, len(objects))
	for _, object := range objects {
		if kept, ok := object.(*convert.Kept[T]); ok {
			result = append(result, kept)
		}
	}
	return result
}

// Each reads all objects that the informer selects from the API server, and hands them on one by one, so that
// never all of them are in memory. The informer must be in sync.
func (i *Informer) Each(ctx context.Context, take func(client.Object) error) error {
	_, requests := i.synced()
	if requests == nil {
		return fmt.Errorf("kind %s is not watched", i.GVK.Kind)
	}
	_, err := each(ctx, requests.ListWithContext, objects(take))
	return err
}

// Live reads all objects from the API server, and returns them as that function converts them.
func Live[T any](ctx context.Context, i *Informer, keep toolscache.TransformFunc) ([]*convert.Kept[T], error) {
	var result []*convert.Kept[T]
	err := i.Each(ctx, func(o client.Object) error {
		object, err := keep(o)
		if kept, ok := object.(*convert.Kept[T]); ok {
			result = append(result, kept)
		}
		return err
	})
	return result, err
}

// Values returns the converted objects of an informer's cache, in one and the same slice until
// one of them has changed.
type Values[T any] struct {
	Informer *Informer

	isKnown bool
	// changes is the informer's count when the values were read.
	changes uint64
	values  []T
}

// Get returns the values, which must not be changed; none where the cache is not in sync.
func (v *Values[T]) Get() []T {
	if !v.Informer.IsInSync() {
		return nil
	}
	// A change that comes while the store is read must be counted as not read yet.
	changes := v.Informer.changes.Load()
	if !v.isKnown || v.changes != changes {
		v.values, v.changes, v.isKnown = ValuesOf(List[T](v.Informer)), changes, true
	}
	return v.values
}

// ValuesOf returns what objects were converted to.
func ValuesOf[T any](objects []*convert.Kept[T]) []T {
	values := make([]T, len(objects))
	for i, kept := range objects {
		values[i] = kept.Value
	}
	return values
}
