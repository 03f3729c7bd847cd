package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// keptRelease is a HelmRelease as the caches keep it.
type keptRelease = convert.Kept[convert.KeptRelease]

// contents knows what was found in the releases of which the caches do not know it: because
// their values come from sources, too, or because they are awake and nobody is to ask. It is
// found once, and again when the release or a source has changed.
type contents struct {
	live    client.Reader
	sources *sources
	known   map[types.NamespacedName]*knownContents
}

// knownContents are those of a release of that uid and generation, or a later one.
type knownContents struct {
	uid        types.UID
	generation int64
	// contents are nil where no source is needed.
	contents *convert.Contents
	found    *pin.Found
	// versions are those of the sources in which it was found.
	versions []string
	// named says that the pass that goes on has asked for it.
	named bool
}

func newContents(live client.Reader, sources *sources) *contents {
	return &contents{live: live, sources: sources, known: map[types.NamespacedName]*knownContents{}}
}

// find returns what is found in a release; afresh, its sources are read again. What cannot
// be read goes to the snapshot as unanswered; of the release itself then nothing is known.
func (c *contents) find(ctx context.Context, kept *keptRelease, s *pin.Snapshot, afresh bool) *pin.Found {
	known := c.of(kept)
	if known == nil {
		var err error
		if known, err = c.take(ctx, kept); err != nil {
			s.Unanswered = append(s.Unanswered, v1alpha1.Problem{
				Reason: v1alpha1.ReasonUnanswered, Object: "HelmRelease " + kept.Value.Release.String(), Message: image.Shorten(err.Error()),
			})
			return nil
		}
		c.known[client.ObjectKeyFromObject(kept)] = known
	}
	known.named = true
	if known.contents != nil {
		known.look(c.sources.lookUp(ctx, &s.Unanswered, afresh))
	}
	return known.found
}

// of returns what is known of a release; nil, nothing, or only of what it was before.
func (c *contents) of(kept *keptRelease) *knownContents {
	known := c.known[client.ObjectKeyFromObject(kept)]
	if known == nil || known.uid != kept.UID || known.generation < kept.Generation {
		return nil
	}
	return known
}

// isEmpty says whether the cache has kept nothing of a release's contents.
func isEmpty(kept *keptRelease) bool {
	return kept.Value.Contents == nil && kept.Value.Release.Found == nil
}

// take takes the contents that the cache has kept, or reads those that it has not.
func (c *contents) take(ctx context.Context, kept *keptRelease) (*knownContents, error) {
	if isEmpty(kept) {
		whole := &flux.HelmRelease{}
		if err := c.live.Get(ctx, client.ObjectKeyFromObject(kept), whole); err != nil {
			return nil, err
		}
		kept = convert.KeepWhole(whole)
	}
	return &knownContents{
		uid: kept.UID, generation: kept.Generation, contents: kept.Value.Contents, found: kept.Value.Release.Found,
	}, nil
}

// look looks through the contents again if a source has changed.
func (k *knownContents) look(lookUp convert.Sources) {
	looked := map[convert.SourceRef]convert.Source{}
	var versions []string
	for _, ref := range k.contents.Sources() {
		if _, twice := looked[ref]; !twice {
			looked[ref] = lookUp(ref)
		}
		versions = append(versions, looked[ref].Version+" "+looked[ref].NotRead)
	}
	if k.found != nil && slices.Equal(versions, k.versions) {
		return
	}
	k.versions = versions
	k.found = k.contents.Find(func(ref convert.SourceRef) convert.Source { return looked[ref] })
}

// prepare reads the contents of releases, and what their values come from, before they are
// asked for: together, where they are many.
func (c *contents) prepare(ctx context.Context, wanted []*keptRelease) error {
	if err := c.prepareReleases(ctx, wanted); err != nil {
		return err
	}
	var refs []convert.SourceRef
	for _, kept := range wanted {
		contents := kept.Value.Contents
		if known := c.of(kept); known != nil {
			contents = known.contents
		}
		if contents != nil {
			refs = append(refs, contents.Sources()...)
		}
	}
	c.sources.prepare(ctx, refs)
	return nil
}

// many is how many releases are so many that all are read in pages instead of those one
// by one.
const many = 50

func (c *contents) prepareReleases(ctx context.Context, wanted []*keptRelease) error {
	missing := map[types.NamespacedName]bool{}
	for _, kept := range wanted {
		if isEmpty(kept) && c.of(kept) == nil {
			missing[client.ObjectKeyFromObject(kept)] = true
		}
	}
	if len(missing) < many {
		return nil
	}
	return eachPage(ctx, c.live, &flux.HelmReleaseList{}, func(o client.Object) error {
		key := client.ObjectKeyFromObject(o)
		whole, isRelease := o.(*flux.HelmRelease)
		if !isRelease || !missing[key] {
			return nil
		}
		known, err := c.take(ctx, convert.KeepWhole(whole))
		if err == nil {
			c.known[key] = known
		}
		return err
	})
}

// sweep forgets what nobody has asked for since the last sweep.
func (c *contents) sweep() {
	for key, known := range c.known {
		if !known.named {
			delete(c.known, key)
			continue
		}
		known.named = false
	}
}
