package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/list"
)

// fieldOwner is the controller's name in the ConfigMaps' managed fields.
const fieldOwner = client.FieldOwner("pinsync")

// configMaps reads and writes the list's ConfigMaps. A write succeeds only on the versions that
// were read or written last.
type configMaps struct {
	name types.NamespacedName
	// client reads from the caches and writes to the API server, live reads from it.
	client  client.Client
	live    client.Reader
	metrics *metrics
	known   *knownVersions

	// isKnown is true while shards are what the API server had when they were read or written.
	isKnown bool
	shards  shards
	// wanted is how many of them were to be written last.
	wanted int
}

// refresh reads the ConfigMaps again, unless those that are known are those that there are, and
// reports whether it did.
func (c *configMaps) refresh(ctx context.Context) (bool, error) {
	versions, err := c.versions(ctx)
	if err != nil {
		return false, err
	}
	if c.isKnown && c.areCurrent(versions) {
		return false, nil
	}
	read, err := c.readAll(ctx, versions)
	if err != nil {
		return false, err
	}
	for _, object := range read {
		c.known.add(object)
	}
	c.shards, c.isKnown = read, true
	return true, nil
}

// versions returns the resource versions of the ConfigMaps as the cache has them.
func (c *configMaps) versions(ctx context.Context) (map[int]string, error) {
	found := &metav1.PartialObjectMetadataList{}
	found.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	if err := c.client.List(ctx, found, client.InNamespace(c.name.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing ConfigMaps: %w", err)
	}
	versions := map[int]string{}
	for i := range found.Items {
		if shard, ok := list.ShardOf(c.name.Name, found.Items[i].Name); ok && isOurs(shard, &found.Items[i]) {
			versions[shard] = found.Items[i].ResourceVersion
		}
	}
	return versions, nil
}

func (c *configMaps) areCurrent(versions map[int]string) bool {
	if len(versions) != len(c.shards) {
		return false
	}
	for shard, object := range c.shards {
		if versions[shard] != object.ResourceVersion {
			return false
		}
	}
	return true
}

// readAll reads the ConfigMaps from the API server: those with the label, and those that the
// cache has or that are wanted, whose label somebody may have removed.
func (c *configMaps) readAll(ctx context.Context, versions map[int]string) (shards, error) {
	var labelled corev1.ConfigMapList
	err := c.live.List(ctx, &labelled, client.InNamespace(c.name.Namespace), client.MatchingLabels{v1alpha1.PinsLabel: "true"})
	if err != nil {
		return nil, fmt.Errorf("reading the ConfigMaps %s: %w", c.name, err)
	}
	read := shards{}
	for i := range labelled.Items {
		if shard, ok := list.ShardOf(c.name.Name, labelled.Items[i].Name); ok {
			read[shard] = &labelled.Items[i]
		}
	}
	named := slices.Collect(maps.Keys(versions))
	for shard := range max(c.wanted, 1) {
		named = append(named, shard)
	}
	for _, shard := range named {
		if read[shard] != nil {
			continue
		}
		object := &corev1.ConfigMap{}
		name := types.NamespacedName{Namespace: c.name.Namespace, Name: list.ObjectName(c.name.Name, shard)}
		switch err := c.live.Get(ctx, name, object); {
		case err == nil:
			read[shard] = object
		case !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
		}
	}
	return read, nil
}

// write writes the ConfigMaps that have changed. Their number is a power of two, so an entry
// moves either up to a new one, which is written before the one that loses it, or down from one
// that is deleted, which is deleted last: at every moment all together have every pin that both
// the old list and the new one have.
func (c *configMaps) write(ctx context.Context, desired []*corev1.ConfigMap) error {
	c.isKnown, c.wanted = false, len(desired) // until all succeeded
	for shard, object := range slices.Backward(desired) {
		if isSame(c.shards[shard], object) {
			continue
		}
		if err := c.writeOne(ctx, object); err != nil {
			return err
		}
		c.shards[shard] = object
	}
	for shard, object := range c.shards {
		if shard < len(desired) {
			continue
		}
		if err := c.remove(ctx, object); err != nil {
			return err
		}
		delete(c.shards, shard)
	}
	c.isKnown = true
	return nil
}

// writeOne creates a ConfigMap or updates the version that was read.
func (c *configMaps) writeOne(ctx context.Context, object *corev1.ConfigMap) error {
	var err error
	operation := opUpdate
	if object.ResourceVersion == "" {
		operation = opCreate
		err = c.client.Create(ctx, object, fieldOwner)
	} else {
		err = c.client.Update(ctx, object, fieldOwner)
	}
	if err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", client.ObjectKeyFromObject(object), err)
	}
	c.known.add(object)
	c.metrics.writes.WithLabelValues(operation).Inc()
	return nil
}

// remove deletes the version of a ConfigMap that was read, or what is pinsync's in it where
// others have written to it, too.
func (c *configMaps) remove(ctx context.Context, object *corev1.ConfigMap) error {
	rest := withoutOurs(object)
	if len(rest.Data)+len(rest.BinaryData) > 0 {
		removeMarks(rest)
		return c.writeOne(ctx, rest)
	}
	err := c.client.Delete(ctx, object, client.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting ConfigMap %s: %w", client.ObjectKeyFromObject(object), err)
	}
	c.metrics.writes.WithLabelValues(opDelete).Inc()
	return nil
}
