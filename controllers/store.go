package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/list"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// store is the ConfigMaps that the pins are kept in, as they were read or written last.
// A write succeeds only on these versions.
type store struct {
	name types.NamespacedName
	// client reads from the caches and writes to the API server, live reads from it.
	client client.Client
	live   client.Reader
	meters *meters

	// isKnown says that objects and memory are what the API server had when they were
	// read or written; nobody has told otherwise.
	isKnown bool
	// isHalfWritten says that the last write failed: what is there is its beginning.
	isHalfWritten bool
	// objects are the ConfigMaps, by shard.
	objects map[int]*corev1.ConfigMap
	// wanted is how many of them were to be written last.
	wanted int
	// memory is what they say, and what was known before where somebody else has
	// changed them; nil, nothing is known yet.
	memory *pin.Memory
}

// read reads the ConfigMaps again, unless those that are known are those that there
// are, and says whether somebody else has changed what they say.
func (l *store) read(ctx context.Context) (changed bool, err error) {
	versions, err := l.versions(ctx)
	if err != nil {
		return false, err
	}
	if l.isKnown && l.isCurrent(versions) {
		return false, nil
	}
	objects, err := l.readAll(ctx, versions)
	if err != nil {
		return false, err
	}
	memory := pin.Recall(stored(objects))
	memory.Forgotten = memory.Forgotten || !isWhole(objects)
	switch {
	case l.memory == nil:
		l.memory = &memory
	case !isSameData(l.objects, objects):
		isNewer := syncedAt(objects).After(syncedAt(l.objects)) && !l.isHalfWritten
		memory = l.memory.Reread(memory, isNewer)
		l.memory, changed = &memory, true
	}
	l.objects, l.isKnown = objects, true
	return changed, nil
}

// isAsKnown says whether the ConfigMaps are those that were read or written last.
func (l *store) isAsKnown(ctx context.Context) (bool, error) {
	versions, err := l.versions(ctx)
	return err == nil && l.isKnown && l.isCurrent(versions), err
}

// versions returns the resource versions of the ConfigMaps as the cache has them.
func (l *store) versions(ctx context.Context) (map[int]string, error) {
	found := &metav1.PartialObjectMetadataList{}
	found.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	if err := l.client.List(ctx, found, client.InNamespace(l.name.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing ConfigMaps: %w", err)
	}
	versions := map[int]string{}
	for i := range found.Items {
		if shard, is := list.ShardOf(l.name.Name, found.Items[i].Name); is && isOurs(shard, &found.Items[i]) {
			versions[shard] = found.Items[i].ResourceVersion
		}
	}
	return versions, nil
}

// isOurs says whether a ConfigMap that has a shard's name was written by pinsync.
func isOurs(shard int, o metav1.Object) bool {
	_, isShard := o.GetAnnotations()[v1alpha1.ShardAnnotation]
	return shard == 0 || isShard || o.GetLabels()[v1alpha1.PinsLabel] == "true"
}

func (l *store) isCurrent(versions map[int]string) bool {
	if len(versions) != len(l.objects) {
		return false
	}
	for shard, object := range l.objects {
		if versions[shard] != object.ResourceVersion {
			return false
		}
	}
	return true
}

// readAll reads the ConfigMaps from the API server: those with the label, and those
// that the cache knows or that are wanted, whose label somebody may have taken away.
func (l *store) readAll(ctx context.Context, versions map[int]string) (map[int]*corev1.ConfigMap, error) {
	var labelled corev1.ConfigMapList
	err := l.live.List(ctx, &labelled, client.InNamespace(l.name.Namespace), client.MatchingLabels{v1alpha1.PinsLabel: "true"})
	if err != nil {
		return nil, fmt.Errorf("reading the ConfigMaps %s: %w", l.name, err)
	}
	objects := map[int]*corev1.ConfigMap{}
	for i := range labelled.Items {
		if shard, is := list.ShardOf(l.name.Name, labelled.Items[i].Name); is {
			objects[shard] = &labelled.Items[i]
		}
	}
	named := slices.Collect(maps.Keys(versions))
	for shard := range max(l.wanted, 1) {
		named = append(named, shard)
	}
	for _, shard := range named {
		if objects[shard] != nil {
			continue
		}
		object := &corev1.ConfigMap{}
		name := types.NamespacedName{Namespace: l.name.Namespace, Name: list.ObjectName(l.name.Name, shard)}
		switch err := l.live.Get(ctx, name, object); {
		case err == nil:
			objects[shard] = object
		case !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
		}
	}
	return objects, nil
}

// stored is what ConfigMaps say, as far as it is memory.
func stored(objects map[int]*corev1.ConfigMap) []pin.Part {
	var all []pin.Part
	for _, object := range objects {
		// One that somebody else has made, of the same name, says nothing.
		if lines, hasLines := object.Data[v1alpha1.PinsKey]; hasLines || object.Data[v1alpha1.ReportKey] != "" {
			all = append(all, pin.Part{
				Lines: lines, Images: object.Data[v1alpha1.ImagesKey], Report: object.Data[v1alpha1.ReportKey],
			})
		}
	}
	return all
}

// isWhole says whether all shards are there, and as they were when the last of them was
// written.
func isWhole(objects map[int]*corev1.ConfigMap) bool {
	first := objects[0]
	if first == nil {
		return len(objects) == 0
	}
	_, shards, _ := strings.Cut(first.Annotations[v1alpha1.ShardAnnotation], "/")
	n, err := strconv.Atoi(shards)
	if err != nil {
		return len(objects) == 1 // written by hand
	}
	if n < 1 || n > len(objects) {
		return false
	}
	others := make([]*corev1.ConfigMap, n)
	for i := range others {
		if others[i] = objects[i]; others[i] == nil {
			return false
		}
	}
	return n == 1 || first.Annotations[v1alpha1.ShardsAnnotation] == digestOf(others[1:])
}

// digestOf is the digest of what shards hold.
func digestOf(shards []*corev1.ConfigMap) string {
	held := make([]map[string]string, len(shards))
	for i := range shards {
		held[i] = shards[i].Data
	}
	return list.Digest(held)
}

func isSameData(a, b map[int]*corev1.ConfigMap) bool {
	return maps.EqualFunc(a, b, func(a, b *corev1.ConfigMap) bool { return maps.Equal(a.Data, b.Data) })
}

// syncedAt is when the last of the ConfigMaps was written by someone who keeps the list.
func syncedAt(objects map[int]*corev1.ConfigMap) time.Time {
	var last time.Time
	for _, object := range objects {
		at, err := time.Parse(time.RFC3339, object.Annotations[v1alpha1.SyncedAtAnnotation])
		if err == nil && at.After(last) {
			last = at
		}
	}
	return last
}

// write writes the ConfigMaps that say something else. Their number is a power of two,
// so an entry moves either up to a new one, which is written before the one that loses
// it, or down from one that goes, which goes last: at every moment all together name every
// pin that both the old list and the new one name. The memory is then what was written.
func (l *store) write(ctx context.Context, desired []*corev1.ConfigMap, memory pin.Memory) (err error) {
	l.isKnown, l.isHalfWritten, l.wanted = false, true, len(desired) // until all succeeded
	defer func() {
		if err != nil {
			l.remember(memory)
		}
	}()
	for shard, object := range slices.Backward(desired) {
		if isSame(l.objects[shard], object) {
			continue
		}
		if err := l.writeOne(ctx, object); err != nil {
			return err
		}
		l.objects[shard] = object
	}
	for shard, object := range l.objects {
		if shard < len(desired) {
			continue
		}
		if err := l.clear(ctx, object); err != nil {
			return err
		}
		delete(l.objects, shard)
	}
	l.memory, l.isKnown, l.isHalfWritten = &memory, true, false
	return nil
}

// remember adds to the memory what could not be written, or not in full.
func (l *store) remember(memory pin.Memory) {
	both := l.memory.Reread(memory, false)
	l.memory = &both
}

// writeOne creates a ConfigMap or updates the version that was read.
func (l *store) writeOne(ctx context.Context, object *corev1.ConfigMap) error {
	var err error
	operation := opUpdate
	if object.ResourceVersion == "" {
		operation = opCreate
		err = l.client.Create(ctx, object, fieldOwner)
	} else {
		err = l.client.Update(ctx, object, fieldOwner)
	}
	if err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", client.ObjectKeyFromObject(object), err)
	}
	l.meters.writes.WithLabelValues(operation).Inc()
	return nil
}

// clear removes the version of a ConfigMap that was read, or what is pinsync's in it
// where others have written to it, too.
func (l *store) clear(ctx context.Context, object *corev1.ConfigMap) error {
	rest := withoutOurs(object)
	if len(rest.Data)+len(rest.BinaryData) > 0 {
		delete(rest.Labels, v1alpha1.PinsLabel)
		for _, annotation := range annotationKeys() {
			delete(rest.Annotations, annotation)
		}
		return l.writeOne(ctx, rest)
	}
	err := l.client.Delete(ctx, object, client.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting ConfigMap %s: %w", client.ObjectKeyFromObject(object), err)
	}
	l.meters.writes.WithLabelValues(opDelete).Inc()
	return nil
}
