package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// keptRelease is a HelmRelease as the cache keeps it.
type keptRelease = convert.Kept[convert.KeptRelease]

// releaseImages knows the images of the releases for which the cache does not have them:
// because they take values from other objects, too, or because they are not suspended. They
// are found once, and again when the release or one of those objects has changed.
type releaseImages struct {
	live       client.Reader
	releases   *informers.Informer
	valuesFrom *valuesFromCache
	shares     *shares
	// waiting is what is known of a release that waits for its share.
	waiting *pin.ReleaseImages
	known   sweep.Map[types.NamespacedName, knownRelease]
}

// knownRelease is a release of that uid and generation, or of the one before that it was asked for last: what was
// read since may be newer.
type knownRelease struct {
	uid               types.UID
	asked, generation int64
	// values are nil where they come from the release alone.
	values *convert.Values
	images *pin.ReleaseImages
	// versions are those of the objects that values came from when the images were found.
	versions []string
}

// find returns the images of a release; afresh, what its values come from is read again. What
// cannot be read is added to the snapshot's failed reads; the images are nil where that is the
// release itself, and those of a release that keeps its pins while it waits for its share.
func (r *releaseImages) find(ctx context.Context, kept *keptRelease, s *pin.Snapshot, afresh bool) *pin.ReleaseImages {
	known := r.of(kept)
	if known == nil {
		if !r.shares.isLeft(kept.Namespace) {
			return r.waiting
		}
		var err error
		if known, err = r.read(ctx, kept); err != nil {
			addFailedRead(s, kept.Value.Release.Kind+" "+kept.Value.Release.Name.String(), image.Shorten(err.Error()))
			return nil
		}
		if known == nil {
			return r.waiting
		}
		known.asked = kept.Generation
		known = r.known.Put(client.ObjectKeyFromObject(kept), *known)
	}
	if known.values != nil && !known.update(r.valuesFrom.versions(ctx, s, afresh), r.valuesFrom.data(ctx, s), r.shares) {
		return r.waiting
	}
	return known.images
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

// of returns what is known of a release; nil, nothing, only of what it was before, or the cache has its images.
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
	known.asked = kept.Generation
	return known
}

// isWithoutValues reports whether the cache keeps nothing of a release's values.
func isWithoutValues(kept *keptRelease) bool {
	return kept.Value.Values == nil && kept.Value.Release.Images == nil
}

// read takes the values that the cache keeps, or reads those that it does not keep; nil, the share of
// the release's namespace does not suffice.
func (r *releaseImages) read(ctx context.Context, kept *keptRelease) (*knownRelease, error) {
	if isWithoutValues(kept) {
		whole := &flux.HelmRelease{}
		if err := r.live.Get(ctx, client.ObjectKeyFromObject(kept), whole); err != nil {
			return nil, err
		}
		if kept = convert.KeepWhole(whole, r.shares.spend); isWithoutValues(kept) {
			return nil, nil //nolint:nilnil // it waits
		}
	}
	return knownOf(kept), nil
}

func knownOf(kept *keptRelease) *knownRelease {
	return &knownRelease{
		uid: kept.UID, generation: kept.Generation, values: kept.Value.Values, images: kept.Value.Release.Images,
	}
}

// update finds the images again if an object that values come from has changed. It reports whether
// they are known now.
func (k *knownRelease) update(versions, data convert.LookUpValues, shares *shares) bool {
	refs := k.values.Refs()
	if k.images != nil && slices.Equal(versionsOf(refs, versions), k.versions) {
		return true
	}
	if !shares.isLeft(k.values.Namespace()) {
		return false
	}
	objects := map[convert.ValuesRef]convert.ValuesObject{}
	found := func(ref convert.ValuesRef) convert.ValuesObject {
		if _, ok := objects[ref]; !ok {
			objects[ref] = data(ref)
		}
		return objects[ref]
	}
	size := k.values.Size(found)
	k.images = k.values.Find(found)
	shares.spend(k.values.Namespace(), max(size, k.images.Values*budget.NodeBytes))
	k.versions = versionsOf(refs, func(ref convert.ValuesRef) convert.ValuesObject {
		if object, ok := objects[ref]; ok {
			return object
		}
		return versions(ref) // it was not needed
	})
	return true
}

func versionsOf(refs []convert.ValuesRef, lookUp convert.LookUpValues) []string {
	versions := make([]string, len(refs))
	for i, ref := range refs {
		object := lookUp(ref)
		versions[i] = object.Version + " " + object.NotRead
	}
	return versions
}

// prepare reads releases, and what their values come from, before their images are asked for:
// together, where they are many.
func (r *releaseImages) prepare(ctx context.Context, wanted []*keptRelease) error {
	if err := r.readInBulk(ctx, wanted); err != nil {
		return err
	}
	var refs []convert.ValuesRef
	for _, kept := range wanted {
		values := kept.Value.Values
		if known := r.of(kept); known != nil {
			values = known.values
		}
		if values != nil {
			refs = append(refs, values.Refs()...)
		}
	}
	r.valuesFrom.prepare(ctx, refs)
	return nil
}

// bulkThreshold is how many releases are so many that all are read in pages instead of those
// one by one.
const bulkThreshold = 50

func (r *releaseImages) readInBulk(ctx context.Context, wanted []*keptRelease) error {
	missing := map[types.NamespacedName]bool{}
	for _, kept := range wanted {
		if isWithoutValues(kept) && r.of(kept) == nil && r.shares.isLeft(kept.Namespace) {
			missing[client.ObjectKeyFromObject(kept)] = true
		}
	}
	if len(missing) < bulkThreshold {
		return nil
	}
	return r.releases.Each(ctx, func(o client.Object) error {
		key := client.ObjectKeyFromObject(o)
		whole, ok := o.(*flux.HelmRelease)
		if !ok || !missing[key] {
			return nil
		}
		if kept := convert.KeepWhole(whole, r.shares.spend); !isWithoutValues(kept) {
			r.known.Put(key, *knownOf(kept))
		}
		return nil
	})
}
