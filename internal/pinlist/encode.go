package pinlist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Stamp is what a list's annotations have besides its form.
type Stamp struct {
	Complete bool
	// Plan is the value of the PlanAnnotation.
	Plan string
}

// Encode returns the objects of a list of that name, without the time when it was synced,
// which is not that of all of them. It fails if the list is too large for all objects
// together.
func Encode(name string, pins []v1alpha1.Pin, stamp Stamp, l *Layout) ([]Object, error) {
	sizes := make([]int, len(pins))
	for i := range pins {
		sizes[i] = len(pins[i].Pin) + len(pins[i].Image) + 2
	}
	s, ok := single(l, 0, sizes)
	if !ok {
		hashes := make([]uint32, len(pins))
		for i := range pins {
			hashes[i] = hash(l.Salt, pins[i].Pin, 0)
		}
		if s = several(l, 0, sizes, hashes, maxObjects); s == nil {
			return nil, fmt.Errorf("the list of %d pins does not fit into %d ConfigMaps", len(pins), maxObjects)
		}
	}
	lines, images := make([][]string, s.objects), make([][]string, s.objects)
	for i := range pins {
		shard := s.of(i)
		lines[shard] = append(lines[shard], pins[i].Pin)
		images[shard] = append(images[shard], listedImage(&pins[i]))
	}
	objects := make([]Object, s.objects)
	for shard := range objects {
		objects[shard] = listObject(text(lines[shard]), text(images[shard]), stamp.Complete)
	}
	objects[0].Annotations[v1alpha1.PlanAnnotation] = stamp.Plan
	makePart(name, objects)
	return objects, nil
}

func listObject(lines, images string, complete bool) Object {
	return Object{
		Annotations: map[string]string{
			v1alpha1.CompleteAnnotation:       strconv.FormatBool(complete),
			v1alpha1.ChecksumAnnotation:       checksum(lines),
			v1alpha1.ImagesChecksumAnnotation: checksum(images),
			v1alpha1.CountAnnotation:          strconv.Itoa(strings.Count(lines, "\n")),
		},
		Data: map[string]string{v1alpha1.PinsKey: lines, v1alpha1.ImagesKey: images},
	}
}

// Size returns how many bytes of data objects have.
func Size(objects []Object) int {
	size := 0
	for i := range objects {
		for _, text := range objects[i].Data {
			size += len(text)
		}
	}
	return size
}

// Reference returns the reference to a list of pins that was written for a plan.
func Reference(pins []v1alpha1.Pin, plan string) *v1alpha1.ListReference {
	return &v1alpha1.ListReference{Checksum: checksum(Lines(pins)), Plan: plan}
}

// split cuts a list so that no part of it is larger than a chunk.
func split[T any](list []T, size func(*T) int) [][]T {
	var parts [][]T
	left := 0
	for i := range list {
		left -= size(&list[i])
		if left < 0 {
			parts = append(parts, nil)
			left = chunk
		}
		last := &parts[len(parts)-1]
		*last = append(*last, list[i])
	}
	return slices.Clip(parts)
}
