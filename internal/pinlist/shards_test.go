package pinlist

import (
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// A part that was written in part, or was changed since, is recognized.
func TestWhole(t *testing.T) {
	shard := func(n int, annotation, lines string) Object {
		return Object{
			Name: ObjectName("pins", n), Annotations: map[string]string{v1alpha1.ShardAnnotation: annotation},
			Data: map[string]string{v1alpha1.PinsKey: lines},
		}
	}
	three := func(change func(objects []Object) []Object) []Object {
		objects := []Object{shard(0, "0/3", "a"), shard(1, "1/3", "b"), shard(2, "2/3", "c")}
		objects[0].Annotations[v1alpha1.ShardsAnnotation] = digest(objects[1:])
		return change(objects)
	}
	for name, test := range map[string]struct {
		objects []Object
		shards  int
		want    bool
	}{
		"nothing":      {nil, 0, false},
		"one":          {[]Object{shard(0, "0/1", "a")}, 1, true},
		"by hand":      {[]Object{{Name: "pins"}}, 1, true},
		"no first":     {[]Object{shard(1, "1/2", "a")}, 0, false},
		"less than it": {[]Object{shard(0, "0/2", "a")}, 0, false},
		"nonsense":     {[]Object{shard(0, "0/-1", "a")}, 0, false},
		"too many":     {[]Object{shard(0, "0/999999999999", "a")}, 0, false},
		"three":        {three(func(o []Object) []Object { return o }), 3, true},
		"a leftover":   {three(func(o []Object) []Object { return append(o, shard(3, "3/4", "d")) }), 3, true},
		"one is gone":  {three(func(o []Object) []Object { return append(o[:1], o[2]) }), 0, false},
		"one is new":   {three(func(o []Object) []Object { o[2].Data[v1alpha1.PinsKey] = "new"; return o }), 3, false},
		"one is empty": {three(func(o []Object) []Object { o[1].Data = nil; return o }), 3, false},
	} {
		if shards, ok := whole("pins", test.objects); ok != test.want || len(shards) != test.shards {
			t.Errorf("%s: got %d shards, %t", name, len(shards), ok)
		}
	}
}
