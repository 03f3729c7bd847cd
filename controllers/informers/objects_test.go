package informers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"git.oleks.space/oleks/pinsync/controllers/convert"
)

// The values are read again after a change was counted, and only then.
func TestValues(t *testing.T) {
	i := New(Options{})
	store := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{})
	put := func(name string, value int) {
		kept := &convert.Kept[int]{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: name}, Value: value}
		if err := store.Add(kept); err != nil {
			t.Fatal(err)
		}
	}
	i.setStore(store, nil)
	put("a", 1)
	values := &Values[int]{Informer: i}
	if got := values.Get(); got != nil {
		t.Errorf("got %v from a cache that is not in sync", got)
	}
	i.set(t.Context(), InSync, "")
	first := values.Get()
	if len(first) != 1 || first[0] != 1 {
		t.Fatalf("got %v", first)
	}
	put("a", 2)
	if got := values.Get(); &got[0] != &first[0] {
		t.Error("the values were read again though no change was counted")
	}
	i.count(t.Context(), nil)
	second := values.Get()
	if len(second) != 1 || second[0] != 2 {
		t.Errorf("after a change: got %v", second)
	}
	if got := values.Get(); &got[0] != &second[0] {
		t.Error("the values were read again though nothing has changed")
	}
	if first[0] != 1 {
		t.Error("a slice that was returned has changed")
	}
}

func TestGet(t *testing.T) {
	i := New(Options{Indexers: toolscache.Indexers{"odd": func(o any) ([]string, error) {
		if kept, ok := o.(*convert.Kept[int]); ok && kept.Value%2 == 1 {
			return []string{"odd"}, nil
		}
		return nil, nil
	}}})
	store := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, i.Indexers)
	for value, name := range []string{"zero", "one", "two"} {
		if err := store.Add(&convert.Kept[int]{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: name}, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	i.setStore(store, nil)
	key := toolscache.ObjectName{Namespace: "apps", Name: "two"}.AsNamespacedName()
	if _, ok := i.Get(key); ok {
		t.Error("an object was returned from a cache that is not in sync")
	}
	i.set(t.Context(), InSync, "")
	if o, ok := i.Get(key); !ok || o.GetName() != "two" {
		t.Errorf("got %v, %t", o, ok)
	}
	key.Name = "three"
	if _, ok := i.Get(key); ok {
		t.Error("an object that does not exist was returned")
	}
	if odd, err := ByIndex[int](i, "odd", "odd"); err != nil || len(odd) != 1 || odd[0].Name != "one" {
		t.Errorf("got %v, %v", odd, err)
	}
	if all := List[int](i); len(all) != 3 {
		t.Errorf("got %v", all)
	}
}
