package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// owner is a release that needed a pin, and what it refers to now.
type owner struct {
	*Release
	needs *needs
	// images are those that it refers to, by themselves and by their pins.
	images map[string][]string
	// lines are the pins of those images, and foreign are pins of other tags of them that only
	// policies name on which it does not rely.
	lines, foreign []line
	// charts are the repositories of which it refers to a chart, and to no image.
	charts map[string]bool

	// holds are the lines that are held for it, and isWaiting is set if one may not be removed.
	holds     map[line]bool
	isWaiting bool
	// live are the pins that it refers to, and that are not held for it any more, because it is
	// proven live on them.
	live map[line]bool
	// running are the repositories that it refers to, and whether a pod runs one of its tags, or a job
	// names one, and runsAny whether any does; nil, nobody has asked.
	running map[string]bool
	runsAny bool
	// via is where it names each image; nil, nobody has asked.
	via map[string][]string
	// missed is how many pins that it refers to are not held, because there are too many.
	missed int
	// isUntraced is set if pods prove it live of which it is not known to which release they
	// belong.
	isUntraced bool
}

// refersTo reports whether an owner refers to a pin, or may: if its images are not known, it
// does.
func (o *owner) refersTo(l line) bool {
	return len(o.images[l.ref()]) > 0 || o.isUnknown() || o.needs.isOver
}

// places returns where it names a pin.
func (o *owner) places(l line) []string {
	if o.via == nil {
		o.via = map[string][]string{}
		for i := range o.needs.tags {
			tag := &o.needs.tags[i]
			for _, image := range images(tag.Repository, tag.Tag) {
				o.via[image] = append(o.via[image], tag.via)
			}
		}
	}
	return few(sortedVia(o.via[l.image]), maxVia)
}

// owners are the releases of a snapshot that own pins or may own them.
type owners struct {
	registries []Registry
	protector  *Protector
	needed     *neededPins
	snapshot   *Snapshot
	// releases are those of the snapshot, once one is looked for.
	releases map[object.ID]*Release
	known    map[string]*owner
}

// release returns the release of an owner's name; nil, there is none.
func (o *owners) release(name string) *Release {
	if o.releases == nil {
		o.releases = make(map[object.ID]*Release, len(o.snapshot.Releases))
		for i := range o.snapshot.Releases {
			o.releases[o.snapshot.Releases[i].ID] = &o.snapshot.Releases[i]
		}
	}
	id, _ := object.ParseID(name)
	return o.releases[id]
}

// of returns an owner; nil if there is no such release, or an annotation disables it.
func (o *owners) of(name string) *owner {
	if known, ok := o.known[name]; ok {
		return known
	}
	var found *owner
	if r := o.release(name); r != nil {
		if enabled, _ := o.protector.enables(r); enabled {
			found = o.read(r)
		}
	}
	o.known[name] = found
	return found
}

// read reads what a release refers to. Of an image of which it relies on a tag, those do not count
// that only policies name on which it does not rely: it may never run them.
func (o *owners) read(r *Release) *owner {
	read := &owner{Release: r, needs: o.needed.needsOf(r), images: map[string][]string{}, holds: map[line]bool{}, live: map[line]bool{}, charts: map[string]bool{}}
	relies, runnable := map[image.Repository]bool{}, map[image.Repository]bool{}
	for i := range read.needs.tags {
		tag := &read.needs.tags[i]
		relies[tag.Repository] = relies[tag.Repository] || tag.isTrusted
		runnable[tag.Repository] = runnable[tag.Repository] || tag.via != viaChart
	}
	for i := range read.needs.tags {
		tag := &read.needs.tags[i]
		named := lines(o.registries, tag.Repository, tag.Tag)
		if relies[tag.Repository] && !tag.isTrusted {
			read.foreign = append(read.foreign, named...)
			continue
		}
		read.lines = append(read.lines, named...)
		for _, image := range images(tag.Repository, tag.Tag) {
			read.images[image] = []string{image}
		}
		for _, l := range named {
			read.images[l.pin] = append(read.images[l.pin], l.image)
			read.charts[l.repository()] = !runnable[tag.Repository]
		}
	}
	return read
}

// referring returns the releases that refer to any tag of each repository, and of each name of
// pins, disabled ones, too, and one that may refer to any, because not all its images are known; empty,
// there is none.
func (o *owners) referring() (byName map[string][]string, unreadable string) {
	byName = map[string][]string{}
	for i := range o.snapshot.Releases {
		r := &o.snapshot.Releases[i]
		read := o.read(r)
		if r.mayNeedMore() || read.needs.isOver {
			if enabled, _ := o.protector.enables(r); enabled && (unreadable == "" || r.String() < unreadable) {
				unreadable = r.String()
			}
		}
		names := map[string]bool{}
		for j := range read.needs.tags {
			names[read.needs.tags[j].Repository.String()] = true
		}
		for _, l := range read.lines {
			names[l.name()] = true
		}
		for name := range names {
			byName[name] = append(byName[name], r.String())
		}
	}
	return byName, unreadable
}

// resuming returns the releases that are not suspended, and for which pins are held that may not be
// removed yet, sorted.
func (o *owners) resuming() []*owner {
	var resuming []*owner
	for _, owner := range o.known {
		if owner != nil && owner.isWaiting && !owner.Suspended {
			resuming = append(resuming, owner)
		}
	}
	slices.SortFunc(resuming, func(a, b *owner) int { return object.Compare(a.Name, b.Name) })
	return resuming
}

// entry returns what the report has for a resuming release.
func (o *owner) entry(readyIsProof bool) v1alpha1.Release {
	problems := slices.Clone(o.needs.problems)
	switch {
	case o.RemoteCluster && !readyIsProof:
		problems = append(problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonRemoteCluster, Field: "spec.kubeConfig",
			Message: "it runs on another cluster, whose pods pinsync does not see, so they cannot prove that it is live: its pins stay",
		})
	case o.isUntraced:
		problems = append(problems, v1alpha1.Problem{
			Reason:  v1alpha1.ReasonProofNotTraced,
			Message: "of pods that run its images it is not known to which release they belong: they count as its own",
		})
	}
	if o.missed > 0 {
		problems = append(problems, notAllPinned(o.missed))
	}
	entry := releaseEntry(o.ID, v1alpha1.ReleaseResuming, o.needs, pinsOf(o.holds), problems)
	if len(o.live) > 0 {
		entry.Live = sortedSet(pinsOf(o.live))
	}
	return entry
}

func pinsOf(set map[line]bool) []string {
	var pins []string
	for l := range set {
		pins = append(pins, l.pin)
	}
	return pins
}
