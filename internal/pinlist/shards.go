package pinlist

import (
	"fmt"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// makePart names the objects of a part, which are in order, and marks them as its shards.
func makePart(name string, objects []Object) {
	for shard := range objects {
		objects[shard].Name = ObjectName(name, shard)
		objects[shard].Annotations[v1alpha1.ShardAnnotation] = shardOfShards(shard, len(objects))
	}
	if len(objects) > 1 {
		objects[0].Annotations[v1alpha1.ShardsAnnotation] = digest(objects[1:])
	}
}

// inOrder returns the objects of a part by shard. Its error describes in one line which of
// them is missing or damaged, and how.
func inOrder(part string, objects []Object) ([]Object, error) {
	shards := make([]Object, len(objects))
	seen := make([]bool, len(objects))
	for _, object := range objects {
		shard, _ := ShardOf(part, object.Name)
		of := object.Annotations[v1alpha1.ShardAnnotation]
		rest, isOwn := strings.CutPrefix(of, strconv.Itoa(shard)+"/")
		n, err := strconv.Atoi(rest)
		switch {
		case err != nil || !isOwn || shardOfShards(shard, n) != of || n <= shard:
			return nil, fmt.Errorf("ConfigMap %s is damaged: its annotation %s is %q, want %s",
				object.Name, v1alpha1.ShardAnnotation, of, shardOfShards(shard, max(len(objects), shard+1)))
		case n != len(objects):
			return nil, fmt.Errorf("%s is in %d of its %d ConfigMaps", part, len(objects), n)
		case seen[shard]:
			return nil, fmt.Errorf("ConfigMap %s is there twice", object.Name)
		}
		shards[shard], seen[shard] = object, true
	}
	if len(shards) > 1 && shards[0].Annotations[v1alpha1.ShardsAnnotation] != digest(shards[1:]) {
		return nil, fmt.Errorf("the ConfigMaps of %s are not those of one write: a write is in progress, or somebody has changed them", part)
	}
	return shards, nil
}

// whole returns the objects of a part by shard as far as they were written together: some
// beyond them may be left over from a larger part. It reports whether none is missing or
// changed.
func whole(part string, objects []Object) (shards []Object, ok bool) {
	byShard := make(map[int]Object, len(objects))
	for _, object := range objects {
		if shard, ok := ShardOf(part, object.Name); ok {
			byShard[shard] = object
		}
	}
	first, ok := byShard[0]
	if !ok {
		return nil, false
	}
	_, of, _ := strings.Cut(first.Annotations[v1alpha1.ShardAnnotation], "/")
	n, err := strconv.Atoi(of)
	if err != nil {
		return []Object{first}, len(objects) == 1 // written by hand
	}
	if n < 1 || n > len(byShard) {
		return nil, false
	}
	for shard := range n {
		object, ok := byShard[shard]
		if !ok {
			return nil, false
		}
		shards = append(shards, object)
	}
	return shards, n == 1 || first.Annotations[v1alpha1.ShardsAnnotation] == digest(shards[1:])
}
