package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

// valuesFromCache keeps the versions of the ConfigMaps and Secrets that the wanted releases take
// values from, and no others: each is read when a release first refers to it, again after it has
// changed, and removed when no release refers to it any more. What they hold is kept for a pass, and
// no more of it than maxHeld and what one release refers to.
//
// Objects are requested before they are looked up, which takes from the share of their namespace.
type valuesFromCache struct {
	live client.Reader
	// readSecrets allows to read Secrets.
	readSecrets bool
	shares      *shares
	// passes are asked for where a release may have been looked at in this pass before what it refers to was read.
	passes *requests

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
	// isStale is set until it is read, and when it has changed since; isFresh, if it was read in this pass, and isNew,
	// if it was stale before.
	isStale, isFresh, isNew bool
}

// freshness is what must be known of an object: the version that the watch shows, that of this pass, or its data.
type freshness int

const (
	watchedVersion freshness = iota
	freshVersion
	withData
)

// parallelReads is how many objects are read at the same time: enough that a start does not
// wait for one answer after the other, and few for an API server.
const parallelReads = 8

// newReads returns a group for objects that are read at the same time.
func newReads() *errgroup.Group {
	reads := &errgroup.Group{}
	reads.SetLimit(parallelReads)
	return reads
}

// request begins to read those objects of a release that are missing, and reports whether there are any. It reads
// none if the share of their namespace does not suffice. They may be looked up when the reads have ended.
func (c *valuesFromCache) request(ctx context.Context, reads *errgroup.Group, refs []convert.ValuesRef, wanted freshness) (begun, isLeft bool) {
	missing, isLeft := c.begin(refs, wanted)
	for ref, read := range missing {
		reads.Go(func() error {
			c.read(ctx, ref, read)
			return nil // the look-up returns the error, and knows for which release
		})
	}
	return len(missing) > 0, isLeft
}

// begunRead is an object that is being read. wasStale is set unless releases may have been looked at with its version.
type begunRead struct {
	entry    *valuesFromEntry
	wasStale bool
}

// begin charges the namespace of objects for reading those that are missing, and returns these.
func (c *valuesFromCache) begin(refs []convert.ValuesRef, wanted freshness) (missing map[convert.ValuesRef]begunRead, isLeft bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isMissing(refs, wanted) {
		return nil, true
	}
	if !c.shares.isLeft(refs[0].Name.Namespace) {
		return nil, false
	}
	if c.held > maxHeld {
		c.drop()
	}
	missing = map[convert.ValuesRef]begunRead{}
	for _, ref := range refs {
		if entry := c.missing(ref, wanted); entry != nil {
			missing[ref] = begunRead{entry, entry.isStale}
			// Nobody else is to read it. A change that is noticed meanwhile makes it stale again.
			entry.isNew = entry.isNew || entry.isStale
			entry.isStale, entry.isFresh, entry.hasData = false, true, true
		}
	}
	c.shares.charge(refs[0].Name.Namespace, len(missing)*budget.RequestBytes)
	return missing, true
}

// isMissing marks objects as used, and reports whether one is to be read; the lock is held.
func (c *valuesFromCache) isMissing(refs []convert.ValuesRef, wanted freshness) (isMissing bool) {
	for _, ref := range refs {
		isMissing = c.missing(ref, wanted) != nil || isMissing
	}
	return isMissing
}

// missing returns the entry of an object that is to be read, and marks it as used; nil, it is not to be read; the lock
// is held.
func (c *valuesFromCache) missing(ref convert.ValuesRef, wanted freshness) *valuesFromEntry {
	if !c.mayRead(ref) || c.failed[ref] != nil {
		return nil
	}
	entry := c.entries.Get(ref)
	if entry == nil {
		entry = c.entries.Put(ref, valuesFromEntry{isStale: true})
	}
	if entry.isStale || wanted == freshVersion && !entry.isFresh || wanted == withData && !entry.hasData {
		return entry
	}
	return nil
}

// read reads an object.
func (c *valuesFromCache) read(ctx context.Context, ref convert.ValuesRef, begun begunRead) {
	data, version, err := convert.ReadValues(ctx, c.live, ref)
	size := 0
	for _, text := range data {
		size += len(text)
	}
	c.shares.charge(ref.Name.Namespace, size/budget.ReadFactor)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.entries.Delete(ref)
		if c.failed == nil {
			c.failed = map[convert.ValuesRef]error{}
		}
		c.failed[ref] = err
		return
	}
	entry := begun.entry
	if entry.version != version && !begun.wasStale {
		c.passes.ask() // the event that comes later finds that the version is known
	}
	entry.version, entry.data, entry.hasData = version, data, true
	c.held += size
}

// hasChanged reports whether one of the objects is to be read because it may have changed, or was in this pass.
func (c *valuesFromCache) hasChanged(refs []convert.ValuesRef) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(refs, func(ref convert.ValuesRef) bool {
		entry := c.entries.Peek(ref)
		return c.mayRead(ref) && (entry == nil || entry.isStale || entry.isNew)
	})
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

// lookUp returns what looks up objects that were requested. What could not be read is added to the snapshot's failed
// reads.
func (c *valuesFromCache) lookUp(s *pin.Snapshot) convert.LookUpValues {
	return func(ref convert.ValuesRef) convert.ValuesObject {
		if !c.mayRead(ref) {
			return convert.ValuesObject{NotRead: convert.SecretsIgnored}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.failed[ref]; err != nil {
			addFailedRead(s, ref.Kind+" "+ref.Name.String(), err.Error())
			return convert.ValuesObject{NotRead: "could not be read: " + err.Error()}
		}
		entry := c.entries.Get(ref)
		return convert.ValuesObject{Data: entry.data, Version: entry.version}
	}
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
	for ref, entry := range c.entries.All() {
		kinds[ref.Kind] = true
		entry.isFresh, entry.isNew = false, false
	}
	return kinds
}

// Change notes that an object is not of the version that is known, or is deleted, so that it
// is read again, and reports whether it is.
func (c *valuesFromCache) Change(kind string, object any, deleted bool) bool {
	ref, version, err := refOf(kind, object)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries.Peek(ref)
	if entry == nil || entry.isStale || !deleted && entry.version == version {
		return false
	}
	entry.isStale = true
	return true
}

// Replace notes which objects of a kind are not among all that there are, or not of that
// version, and reports whether there are any.
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
		if ref.Kind == kind && versions[ref] != entry.version && !entry.isStale {
			entry.isStale, changed = true, true
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
