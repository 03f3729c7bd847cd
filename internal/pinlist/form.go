// Package pinlist is the one place that knows the form in which a list of pins and the report
// on it are kept in ConfigMaps: it encodes them, decodes them strictly for those who clean
// by them, and loads them leniently for the controller that continues them.
//
// # Two parts
//
// The list has the pins and their images, and is all that a cleaner needs. The report
// describes why each pin is there, and holds the owners of each: the releases that needed
// it. The list is written at once, and the report some seconds after it, so that a burst of
// changes does not rewrite a large report each time. The list's PlanAnnotation changes with
// its pins and whenever a pin gets one more owner; the report has the plan that it belongs to.
//
// # After a crash between the two writes
//
// The list is then of a later plan than the report, never the other way round, because a
// report is only written for a list that was written. Load returns the pins of both, and that
// the owners are not known. What follows for a change that the list has and the report has
// not:
//
//   - A pin was added: it is in the list. No owner is recorded, so it is held until all
//     releases were searched for those that refer to it.
//   - A pin got one more owner: the pins are the same, the plan is another. All releases are
//     searched, too, so that the owner is found again.
//   - A pin was removed: the report still has it. It is listed again, and held until the
//     grace has passed once more.
//   - A hold ended, or began to count anew: the report has the times from before. They do not
//     matter, because the grace has to pass without interruption of one process.
//
// So nothing that is needed is missing, and at worst a pin stays longer than it must. The
// same holds where either part was deleted or damaged, or was written by an earlier version,
// which kept the report in the list's own objects: that form is loaded, too. An earlier version
// finds the list without a report in it, and holds every pin for owners that it does not know.
//
// # Large lists
//
// A part that does not fit into one object is spread over a power of two of them (spread.go).
// Its first object has a digest of the others and is written last, so that an unfinished
// write is noticed.
package pinlist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Object is a ConfigMap of a list or of a report, as far as it is pinsync's.
type Object struct {
	Name              string
	Annotations, Data map[string]string
}

// Keys are the data keys that are pinsync's.
func Keys() []string {
	return []string{v1alpha1.PinsKey, v1alpha1.ImagesKey, v1alpha1.ReportKey}
}

// Annotations are the keys of the annotations that are pinsync's.
func Annotations() []string {
	return []string{
		v1alpha1.SyncedAtAnnotation, v1alpha1.CompleteAnnotation, v1alpha1.ChecksumAnnotation, v1alpha1.ImagesChecksumAnnotation,
		v1alpha1.CountAnnotation, v1alpha1.PlanAnnotation, v1alpha1.ShardAnnotation, v1alpha1.ShardsAnnotation,
	}
}

// ReportName returns the name of the first object of the report on a list.
func ReportName(list string) string {
	return list + v1alpha1.ReportSuffix
}

// ObjectName returns the name of the object that holds a shard of a part, which is named by
// its first object.
func ObjectName(part string, shard int) string {
	if shard == 0 {
		return part
	}
	return part + "-" + strconv.Itoa(shard)
}

// ShardOf returns which shard of a part the object of that name holds, if it holds one.
func ShardOf(part, object string) (shard int, ok bool) {
	if object == part {
		return 0, true
	}
	suffix, hasSuffix := strings.CutPrefix(object, part+"-")
	shard, err := strconv.Atoi(suffix)
	return shard, hasSuffix && err == nil && shard > 0 && strconv.Itoa(shard) == suffix
}

// shardOfShards returns the value of the shard annotation.
func shardOfShards(shard, shards int) string {
	return fmt.Sprintf("%d/%d", shard, shards)
}

// checksum returns the value of a checksum annotation.
func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// digest returns the value of the shards annotation: the digest of the data of the objects
// after the first, in order.
func digest(others []Object) string {
	h := sha256.New()
	for _, object := range others {
		for _, key := range Keys() {
			// The length marks where a text ends.
			_, _ = fmt.Fprintf(h, "%d %s", len(object.Data[key]), object.Data[key]) // a hash never fails
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
