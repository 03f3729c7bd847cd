package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// keptRelease is a HelmRelease as the cache keeps it.
type keptRelease = convert.Kept[convert.KeptRelease]

// releaseImages knows the images of the releases for which the cache does not have them:
// because they take values from other objects, too, or have many, or because they are not suspended. They
// are found once, and again when the release or one of those objects has changed.
type releaseImages struct {
	live       client.Reader
	releases   *informers.Informer
	valuesFrom *valuesFromCache
	shares     *shares
	// waiting is what is known of a release that waits for its share, and refused of one for which its namespace has
	// no memory.
	waiting, refused *pin.ReleaseImages
	known            sweep.Map[types.NamespacedName, knownRelease]
	memory           memoryShares
}

// knownRelease is a release of that uid and generation, or of the one before that it was asked for last: what was
// read since may be newer.
type knownRelease struct {
	namespace         string
	uid               types.UID
	asked, generation int64
	// refs are the objects that values come from besides the release itself.
	refs []convert.ValuesRef
	// values are nil where they come from the release alone, or it is refused.
	values *convert.Values
	images *pin.ReleaseImages
	// versions are those of the refs when the images were found.
	versions []string
	// bytes is how much memory is counted for it, and refused how much it would take that is refused.
	bytes, refused int
	// isPaid is set if what its values come from was read for it in this pass: then its namespace may overdraw its
	// share, so that little is read in vain.
	isPaid bool
	// kept are the images with the problem that it waits for its share; nil, it has not waited with these.
	kept *pin.ReleaseImages
}

func newReleaseImages(
	live client.Reader, releases *informers.Informer, valuesFrom *valuesFromCache, shares *shares, passes *requests,
) *releaseImages {
	return &releaseImages{
		live: live, releases: releases, valuesFrom: valuesFrom, shares: shares, memory: memoryShares{passes: passes},
		waiting: pin.OverBudget(waitingForShare()),
		refused: pin.OverBudget(v1alpha1.Problem{Reason: v1alpha1.ReasonOverBudget, Message: budget.ErrMemory.Error()}),
	}
}

// find returns the images of a release; afresh, what its values come from is read again. What
// cannot be read is added to the snapshot's failed reads; the images are nil where that is the
// release itself, and those of a release that keeps its pins while it waits for its share.
func (r *releaseImages) find(ctx context.Context, kept *keptRelease, s *pin.Snapshot, afresh bool) *pin.ReleaseImages {
	known := r.of(kept)
	if known == nil {
		var err error
		if known, err = r.read(ctx, kept); err != nil {
			addFailedRead(s, kept.Value.Release.Kind+" "+kept.Value.Release.Name.String(), image.Shorten(err.Error()))
			return nil
		}
		if known == nil {
			return r.waiting
		}
	}
	if !r.request(ctx, known, versionFor(afresh)) {
		return r.wait(known)
	}
	lookUp, mayFind := r.valuesFrom.lookUp(s), r.shares.isLeft
	if known.isPaid {
		mayFind = r.shares.mayOverdraw
	}
	switch {
	case known.images != nil && slices.Equal(versionsOf(known.refs, lookUp), known.versions):
		return known.images
	case known.refused > 0: // it may take less now
		r.forget(kept)
		return r.find(ctx, kept, s, afresh)
	case !mayFind(kept.Namespace) || !r.request(ctx, known, withData):
		return r.wait(known)
	}
	r.search(known, lookUp)
	return known.images
}

// request requests what the values of a release come from, and waits for it. It reports false if the share of its
// namespace does not suffice.
func (r *releaseImages) request(ctx context.Context, known *knownRelease, wanted freshness) bool {
	reads := newReads()
	begun, isLeft := r.valuesFrom.request(ctx, reads, known.refs, wanted)
	_ = reads.Wait()
	known.isPaid = known.isPaid || begun
	return isLeft
}

// wait returns what is known of a release that waits for its share: it keeps the pins that it had, and what it named
// still is to have some.
func (r *releaseImages) wait(known *knownRelease) *pin.ReleaseImages {
	if known.images == nil || known.images.Unknown {
		return r.waiting
	}
	if known.kept == nil {
		images := *known.images
		images.Unknown, images.Problems = true, append(slices.Clone(images.Problems), waitingForShare())
		known.kept = &images
	}
	return known.kept
}

// versionFor returns which version of what values come from a release is looked at with.
func versionFor(afresh bool) freshness {
	if afresh {
		return freshVersion
	}
	return watchedVersion
}

// search finds the images of a release.
func (r *releaseImages) search(k *knownRelease, lookUp convert.LookUpValues) {
	k.images, k.kept, k.versions, k.isPaid = k.values.Find(lookUp), nil, versionsOf(k.refs, lookUp), false
	r.shares.charge(k.namespace, max(k.values.Size(lookUp), k.images.Values*budget.NodeBytes))
	r.count(k)
}

// count counts the memory that is taken by what is known of a release, of which nothing is kept if it is refused.
func (r *releaseImages) count(k *knownRelease) {
	bytes := 0
	if k.images != nil {
		bytes = convert.BytesOf(k.images)
	}
	if k.values != nil && !k.values.IsSmall() {
		bytes += k.values.Bytes()
	}
	if k.images == nil || k.images.Unknown { // what it took is reserved until its images are known again
		bytes = max(bytes, k.bytes)
	}
	if r.memory.take(k, bytes) {
		return
	}
	if k.images == nil { // its own values are too large, whatever there is in the others
		k.refs = nil
	}
	k.values, k.images = nil, r.refused
}

// retain keeps what is known of a release that was read from the API server for this pass, with its images: the
// cache may not have them in the next one.
func (r *releaseImages) retain(kept *keptRelease) {
	r.known.Get(client.ObjectKeyFromObject(kept))
}

// versionsOf returns the versions of the objects that the values of a release came from.
func (r *releaseImages) versionsOf(kept *keptRelease) []string {
	if known := r.of(kept); known != nil {
		return known.versions
	}
	return nil
}

// of returns what is known of a release; nil, nothing, or only of what it was before, there is room now for one that
// was refused, or the cache has its images.
func (r *releaseImages) of(kept *keptRelease) *knownRelease {
	if kept.Value.Release.Images != nil {
		return nil
	}
	known := r.known.Get(client.ObjectKeyFromObject(kept))
	if known == nil || known.uid != kept.UID || known.generation < kept.Generation {
		return nil
	}
	if kept.Generation < known.asked {
		return nil // the cluster was restored from a backup
	}
	if known.refused > 0 && r.memory.fits(known.namespace, known.refused) {
		return nil
	}
	known.asked = kept.Generation
	return known
}

// isWithoutValues reports whether the cache keeps nothing of a release's values.
func isWithoutValues(kept *keptRelease) bool {
	return kept.Value.Values == nil && kept.Value.Release.Images == nil
}

// read takes the values that the cache keeps, or reads those that it does not keep; nil, the share of
// the release's namespace does not suffice, or it was deleted, which the cache will have soon.
func (r *releaseImages) read(ctx context.Context, kept *keptRelease) (*knownRelease, error) {
	if !isWithoutValues(kept) {
		return r.put(kept, kept.Generation), nil
	}
	if !r.shares.spend(kept.Namespace, budget.RequestBytes) {
		return nil, nil //nolint:nilnil // it waits
	}
	o := &flux.HelmRelease{}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(kept), o); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return r.take(o, kept.Generation), nil
}

// take takes a release that was read from the API server; nil, the share of its namespace does not suffice for its images.
func (r *releaseImages) take(o *flux.HelmRelease, asked int64) *knownRelease {
	whole := convert.KeepWhole(o, r.shares.spend)
	if isWithoutValues(whole) {
		return nil
	}
	if whole.Value.Values != nil {
		r.shares.charge(o.Namespace, whole.Value.Values.Bytes()/budget.ReadFactor)
	}
	return r.put(whole, asked)
}

// put takes what the API server or the cache has of a release, in place of what was known of it.
func (r *releaseImages) put(kept *keptRelease, asked int64) *knownRelease {
	key := client.ObjectKeyFromObject(kept)
	known := knownRelease{
		namespace: kept.Namespace, uid: kept.UID, asked: asked, generation: kept.Generation,
		values: kept.Value.Values, images: kept.Value.Release.Images,
	}
	if known.values != nil {
		known.refs = known.values.Refs()
	}
	if before := r.known.Peek(key); before != nil {
		known.bytes, known.refused = before.bytes, before.refused
	}
	k := r.known.Put(key, known)
	r.count(k)
	return k
}

// forget removes what is known of a release.
func (r *releaseImages) forget(kept *keptRelease) {
	key := client.ObjectKeyFromObject(kept)
	r.memory.free(r.known.Peek(key))
	r.known.Delete(key)
}

// sweep ends a pass: it removes what is known of releases that were not asked for in it.
func (r *releaseImages) sweep() {
	for _, k := range r.known.Sweep() {
		r.memory.free(k)
	}
}

func versionsOf(refs []convert.ValuesRef, lookUp convert.LookUpValues) []string {
	versions := make([]string, len(refs))
	for i, ref := range refs {
		object := lookUp(ref)
		versions[i] = object.Version + " " + object.NotRead
	}
	return versions
}

// prepare begins a pass in which the namespaces have so many releases. It reads releases before their images are asked
// for: together, where they are many.
func (r *releaseImages) prepare(ctx context.Context, wanted []*keptRelease, releases map[string]int) error {
	r.memory.releases = releases
	return r.readInBulk(ctx, wanted)
}

// readAhead is for how many releases what their values come from is read at the same time.
const readAhead = 64

// readAhead reads what the values of some releases come from before their images are asked for. Of those that are
// confirmed, it is read again.
func (r *releaseImages) readAhead(ctx context.Context, some []*keptRelease, confirmed map[object.ID]bool) {
	reads := newReads()
	for _, kept := range some {
		known := r.of(kept)
		if known == nil && kept.Value.Values != nil {
			known = r.put(kept, kept.Generation)
		}
		if known == nil || len(known.refs) == 0 {
			continue
		}
		wanted := versionFor(confirmed[kept.Value.Release.ID])
		if known.images == nil || r.valuesFrom.hasChanged(known.refs) {
			wanted = withData
		}
		if known.isPaid = false; !r.valuesFrom.isFull() {
			known.isPaid, _ = r.valuesFrom.request(ctx, reads, known.refs, wanted)
		}
	}
	_ = reads.Wait() // the look-up returns the errors
}

// isBulk reports whether so many of all releases are so many that all are read in pages instead of those one by one:
// a small part of them is not, so that no tenant has those of all others read again and again.
func isBulk(missing, all int) bool { return missing >= max(bulkThreshold, all/10) }

const bulkThreshold = 50

func (r *releaseImages) readInBulk(ctx context.Context, wanted []*keptRelease) error {
	missing := map[types.NamespacedName]int64{}
	for _, kept := range wanted {
		if isWithoutValues(kept) && r.of(kept) == nil && r.shares.isLeft(kept.Namespace) {
			missing[client.ObjectKeyFromObject(kept)] = kept.Generation
		}
	}
	if len(missing) < bulkThreshold || !isBulk(len(missing), len(informers.List[convert.KeptRelease](r.releases))) {
		return nil
	}
	return r.releases.Each(ctx, func(o client.Object) error {
		asked, isMissing := missing[client.ObjectKeyFromObject(o)]
		whole, ok := o.(*flux.HelmRelease)
		if !ok || !isMissing {
			return nil
		}
		r.shares.charge(whole.Namespace, budget.RequestBytes)
		r.take(whole, asked)
		return nil
	})
}
