package controllers

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// fieldOwner is the controller's name in the ConfigMaps' managed fields.
const fieldOwner = client.FieldOwner("pinsync")

// configMaps reads and writes the ConfigMaps of the list and of the report. A write succeeds
// only on the versions that were read or written last.
type configMaps struct {
	namespace string
	// client reads from the caches and writes to the API server, live reads from it.
	client  client.Client
	live    client.Reader
	metrics *metrics
	known   *knownVersions

	// isKnown is true while the shards of both parts are what the API server had when they
	// were read or written.
	isKnown      bool
	list, report part
}

// part is the ConfigMaps of the list, or those of the report.
type part struct {
	// name is that of the first ConfigMap, and label the one that marks all.
	name, label string
	shards      shards
	// wanted is how many of them were to be written last.
	wanted int
}

// contents is what the ConfigMaps have of the list and of the report.
type contents struct {
	list, report []pinlist.Object
}

// refresh reads the ConfigMaps again, and returns what they have; nil, those that are known are those that
// there are.
func (c *configMaps) refresh(ctx context.Context) (*contents, error) {
	cached := &metav1.PartialObjectMetadataList{}
	cached.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	if err := c.client.List(ctx, cached, client.InNamespace(c.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing ConfigMaps: %w", err)
	}
	if c.isKnown && c.list.isCurrent(cached.Items) && c.report.isCurrent(cached.Items) {
		return nil, nil //nolint:nilnil // as documented
	}
	var read corev1.ConfigMapList
	if err := c.live.List(ctx, &read, client.InNamespace(c.namespace)); err != nil {
		return nil, fmt.Errorf("reading the ConfigMaps of namespace %s: %w", c.namespace, err)
	}
	found := &contents{list: c.list.take(read.Items), report: c.report.take(read.Items)}
	for _, p := range []*part{&c.list, &c.report} {
		for _, s := range p.shards {
			c.known.add(s.object)
		}
	}
	c.isKnown = true
	return found, nil
}

// take takes the shards of the part out of all ConfigMaps, and returns what they have.
func (p *part) take(all []corev1.ConfigMap) []pinlist.Object {
	p.shards = shards{}
	var objects []pinlist.Object
	for i := range all {
		object := &all[i]
		shard, ok := p.shardOf(object)
		if !ok {
			continue
		}
		p.shards[shard] = newKnownConfigMap(object)
		if len(p.shards[shard].ours) > 0 { // one that somebody else has made, of the same name, has nothing
			objects = append(objects, pinlist.Object{Name: object.Name, Annotations: object.Annotations, Data: object.Data})
		}
	}
	return objects
}

// shardOf returns which shard of the part a ConfigMap holds, if it was written by pinsync, or is
// to be: somebody may have removed the marks, or made one of that name.
func (p *part) shardOf(o metav1.Object) (shard int, ok bool) {
	shard, ok = pinlist.ShardOf(p.name, o.GetName())
	return shard, ok && (shard < max(p.wanted, 1) || isOurs(o))
}

// isCurrent reports whether the shards are of the versions that the cache has.
func (p *part) isCurrent(cached []metav1.PartialObjectMetadata) bool {
	n := 0
	for i := range cached {
		if shard, ok := p.shardOf(&cached[i]); ok {
			n++
			if p.shards[shard] == nil || p.shards[shard].object.ResourceVersion != cached[i].ResourceVersion {
				return false
			}
		}
	}
	return n == len(p.shards)
}

// layout returns how a list or a report is laid out in the ConfigMaps.
func (p *part) layout(salt string) *pinlist.Layout {
	return &pinlist.Layout{
		Salt: salt, Objects: len(p.shards), Room: func(shard int) int { return p.shards[shard].room() },
	}
}

// merge puts objects into their ConfigMaps.
func (c *configMaps) merge(p *part, objects []pinlist.Object) []*corev1.ConfigMap {
	merged := make([]*corev1.ConfigMap, len(objects))
	for shard := range objects {
		merged[shard] = merge(p.shards[shard], c.namespace, p.label, &objects[shard])
	}
	return merged
}

// write writes the ConfigMaps of a part that have changed. Their number is a power of two, so
// an entry moves either up to a new one, which is written before the one that loses it, or down
// from one that is deleted, which is deleted last: at every moment all together have every pin
// that both the old list and the new one have.
func (c *configMaps) write(ctx context.Context, p *part, desired []*corev1.ConfigMap) error {
	c.isKnown, p.wanted = false, len(desired) // until all succeeded
	for shard, object := range slices.Backward(desired) {
		if isSame(p.shards[shard], object) {
			continue
		}
		if err := c.writeOne(ctx, object); err != nil {
			return err
		}
		p.shards[shard] = newKnownConfigMap(object)
	}
	for shard, surplus := range p.shards {
		if shard < len(desired) {
			continue
		}
		if err := c.remove(ctx, surplus); err != nil {
			return err
		}
		delete(p.shards, shard)
	}
	c.isKnown = true
	return nil
}

// writeOne creates a ConfigMap or updates the version that was read.
func (c *configMaps) writeOne(ctx context.Context, object *corev1.ConfigMap) error {
	operation, write := opUpdate, func() error { return c.client.Update(ctx, object, fieldOwner) }
	if object.ResourceVersion == "" {
		operation, write = opCreate, func() error { return c.client.Create(ctx, object, fieldOwner) }
	}
	err := c.known.addWritten(object, write)
	switch name := client.ObjectKeyFromObject(object); {
	case apierrors.IsInvalid(err) && object.Immutable != nil && *object.Immutable:
		return fmt.Errorf("ConfigMap %s is immutable: delete it, and pinsync writes it again: %w", name, err)
	case err != nil:
		return fmt.Errorf("writing ConfigMap %s: %w", name, err)
	}
	c.metrics.writes.WithLabelValues(operation).Inc()
	return nil
}

// remove deletes the version of a ConfigMap that was read, or what is pinsync's in it where
// others have written to it, too.
func (c *configMaps) remove(ctx context.Context, known *knownConfigMap) error {
	rest := known.theirs()
	if len(rest.Data)+len(rest.BinaryData) > 0 {
		removeMarks(rest)
		return c.writeOne(ctx, rest)
	}
	err := c.client.Delete(ctx, rest, client.Preconditions{UID: &rest.UID, ResourceVersion: &rest.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting ConfigMap %s: %w", client.ObjectKeyFromObject(rest), err)
	}
	c.metrics.writes.WithLabelValues(opDelete).Inc()
	return nil
}
