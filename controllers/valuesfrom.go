package controllers

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

// valuesFromCache keeps the versions of the ConfigMaps and Secrets that the wanted releases take
// values from, and no others: each is read when a release first refers to it, again after it has
// changed, and removed when no release refers to it any more. What they hold is kept for a pass, and
// no more of it than maxHeld.
type valuesFromCache struct {
	live client.Reader
	// readSecrets allows to read Secrets.
	readSecrets bool

	mu      sync.Mutex
	entries sweep.Map[convert.ValuesRef, valuesFromEntry]
	// failed are the reads that have failed in this pass. They are not tried twice.
	failed map[convert.ValuesRef]error
	// held is how many bytes of data are kept.
	held int
}

// maxHeld is how many bytes of values are kept at a time, for the releases that take them from the same
// object: what is dropped before is read again.
const maxHeld = 32 << 20

// valuesFromEntry is a ConfigMap or Secret as it was read last.
type valuesFromEntry struct {
	version string
	// data is nil where it does not exist; hasData is set as long as it is kept.
	data    map[string]string
	hasData bool
}

// parallelReads is how many objects are read at the same time: enough that a start does not
// wait for one answer after the other, and few for an API server.
const parallelReads = 8

// prepare reads the objects that are not known, before they are looked up.
func (c *valuesFromCache) prepare(ctx context.Context, refs []convert.ValuesRef) {
	missing := map[convert.ValuesRef]bool{}
	c.mu.Lock()
	for _, ref := range refs {
		if c.entries.Get(ref) == nil && c.mayRead(ref) {
			missing[ref] = true
		}
	}
	c.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(parallelReads)
	for ref := range missing {
		group.Go(func() error {
			if c.isFull() {
				return nil
			}
			_, err := c.get(ctx, ref, false)
			return err
		})
	}
	_ = group.Wait() // the look-up returns the error again, and knows for which release
}

// isFull reports whether no more data is to be kept.
func (c *valuesFromCache) isFull() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held > maxHeld
}

// mayRead reports whether an object is read at all.
func (c *valuesFromCache) mayRead(ref convert.ValuesRef) bool {
	return ref.Kind != convert.SecretKind || c.readSecrets
}

// versions returns what looks up the versions of objects in one pass, and data what looks up their
// data, too; afresh, they read those that are known again. What cannot be read is added to the
// snapshot's failed reads.
func (c *valuesFromCache) versions(ctx context.Context, s *pin.Snapshot, afresh bool) convert.LookUpValues {
	return c.lookUp(s, func(ref convert.ValuesRef) (valuesFromEntry, error) { return c.get(ctx, ref, afresh) })
}

func (c *valuesFromCache) data(ctx context.Context, s *pin.Snapshot) convert.LookUpValues {
	return c.lookUp(s, func(ref convert.ValuesRef) (valuesFromEntry, error) {
		entry, err := c.get(ctx, ref, false)
		if err == nil && !entry.hasData {
			return c.get(ctx, ref, true)
		}
		return entry, err
	})
}

func (c *valuesFromCache) lookUp(s *pin.Snapshot, get func(convert.ValuesRef) (valuesFromEntry, error)) convert.LookUpValues {
	return func(ref convert.ValuesRef) convert.ValuesObject {
		if !c.mayRead(ref) {
			return convert.ValuesObject{NotRead: convert.SecretsIgnored}
		}
		entry, err := get(ref)
		if err != nil {
			addFailedRead(s, ref.Kind+" "+ref.Name.String(), err.Error())
			return convert.ValuesObject{NotRead: "could not be read: " + err.Error()}
		}
		return convert.ValuesObject{Data: entry.data, Version: entry.version}
	}
}

// get returns an entry, from the API server where it is not known or wanted afresh.
func (c *valuesFromCache) get(ctx context.Context, ref convert.ValuesRef, afresh bool) (valuesFromEntry, error) {
	c.mu.Lock()
	if err := c.failed[ref]; err != nil {
		c.mu.Unlock()
		return valuesFromEntry{}, err
	}
	entry := c.entries.Get(ref)
	if entry != nil && !afresh {
		known := *entry
		c.mu.Unlock()
		return known, nil
	}
	if entry == nil {
		entry = c.entries.Put(ref, valuesFromEntry{})
	}
	c.mu.Unlock()
	// An event that comes while the object is being read removes the entry, so that what was
	// read is used once and then read again.
	data, version, err := convert.ReadValues(ctx, c.live, ref)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.entries.Delete(ref)
		if c.failed == nil {
			c.failed = map[convert.ValuesRef]error{}
		}
		c.failed[ref] = err
		return valuesFromEntry{}, err
	}
	if c.held > maxHeld {
		c.drop()
	}
	*entry = valuesFromEntry{version: version, data: data, hasData: true}
	for _, text := range data {
		c.held += len(text)
	}
	return *entry, nil
}

// drop drops the data of all objects; the lock is held.
func (c *valuesFromCache) drop() {
	for _, entry := range c.entries.All() {
		entry.data, entry.hasData = nil, false
	}
	c.held = 0
}

// sweep ends a pass: it removes what no release referred to in it, and returns the kinds of
// the others.
func (c *valuesFromCache) sweep() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.failed)
	c.entries.Sweep()
	c.drop()
	kinds := map[string]bool{}
	for ref := range c.entries.All() {
		kinds[ref.Kind] = true
	}
	return kinds
}

// Change removes an object that is not of the version that is known, or is deleted, so that it
// is read again, and reports whether it was known.
func (c *valuesFromCache) Change(kind string, object any, deleted bool) bool {
	ref, version, err := refOf(kind, object)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries.Peek(ref)
	if entry == nil || !deleted && entry.version == version {
		return false
	}
	c.entries.Delete(ref)
	return true
}

// Replace removes the objects of a kind that are not among all that there are, or not of that
// version, and reports whether there were any.
func (c *valuesFromCache) Replace(kind string, objects []any) bool {
	versions := make(map[convert.ValuesRef]string, len(objects))
	for _, object := range objects {
		if ref, version, err := refOf(kind, object); err == nil {
			versions[ref] = version
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := false
	for ref, entry := range c.entries.All() {
		if ref.Kind == kind && versions[ref] != entry.version {
			c.entries.Delete(ref)
			changed = true
		}
	}
	return changed
}

func refOf(kind string, changed any) (ref convert.ValuesRef, version string, err error) {
	o, err := apimeta.Accessor(changed)
	if err != nil {
		return ref, "", fmt.Errorf("%T: %w", changed, err)
	}
	return convert.ValuesRef{Kind: kind, Name: object.Name{Namespace: o.GetNamespace(), Name: o.GetName()}}, o.GetResourceVersion(), nil
}
