// Package list knows the form that a list of pins is published in: the objects that it is
// spread over, and what in them tells that it is whole, complete and fresh.
package list

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Object is a ConfigMap of a list, as far as readers of lists look at it.
type Object struct {
	Name              string
	Annotations, Data map[string]string
}

// Keys are the data keys that hold a list.
func Keys() []string {
	return []string{v1alpha1.PinsKey, v1alpha1.ImagesKey, v1alpha1.ReportKey}
}

// ObjectName is the name of the object that holds a shard of a list.
func ObjectName(list string, shard int) string {
	if shard == 0 {
		return list
	}
	return list + "-" + strconv.Itoa(shard)
}

// ShardOf says which shard of a list the object of that name holds, and whether it holds
// any.
func ShardOf(list, object string) (shard int, is bool) {
	if object == list {
		return 0, true
	}
	suffix, found := strings.CutPrefix(object, list+"-")
	shard, err := strconv.Atoi(suffix)
	return shard, found && err == nil && shard > 0 && strconv.Itoa(shard) == suffix
}

// Shard is the value of the shard annotation.
func Shard(shard, shards int) string {
	return fmt.Sprintf("%d/%d", shard, shards)
}

// Checksum is the value of the checksum annotation.
func Checksum(lines string) string {
	sum := sha256.Sum256([]byte(lines))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Digest is the value of the shards annotation: the digest of what the shards behind the
// first hold, in order.
func Digest(others []map[string]string) string {
	h := sha256.New()
	for _, data := range others {
		for _, key := range Keys() {
			// The length tells where a text ends.
			_, _ = fmt.Fprintf(h, "%d %s", len(data[key]), data[key]) // a hash takes everything
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
