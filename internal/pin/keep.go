package pin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// viaRan is where a tag was found that a release ran, or may have run.
const viaRan = "run by a release when it was suspended"

// keeper decides which pins a suspended release keeps besides those that it refers to: what it
// ran when it was suspended, which a rollback or a scaling by hand starts again, and the last
// tags of an image of which it names no tag any more, because it may only not be found.
type keeper struct {
	pins     *neededPins
	release  *protectedRelease
	previous *previousPins
	// before is what the last report had for the release; nil, it was not known to be suspended.
	before *v1alpha1.Release
	// names are the names and repositories of the images that it refers to. referred are the
	// repositories of those on whose tags it relies; byPolicy are the other images, and the policies
	// that name them.
	names    map[string]bool
	referred map[string]bool
	byPolicy map[namedBy]bool
	ran      []string
	digests  *namedDigests
	// last are the repositories of which only the last tags are known.
	last []string
}

// namedBy is an image and a policy that names a tag of it.
type namedBy struct{ repository, policy string }

// keep adds to a suspended release what it keeps, besides the pins that it has by what it refers
// to.
func (n *neededPins) keep(release *protectedRelease, r *Release, previous *previousPins) {
	k := &keeper{
		pins: n, release: release, previous: previous, before: previous.memory.suspended(r.ID),
		names: map[string]bool{}, referred: map[string]bool{}, byPolicy: map[namedBy]bool{}, digests: newNamedDigests(release.needs),
	}
	for _, p := range release.pins {
		k.addReferred(p, r)
	}
	for _, repository := range release.needs.untagged {
		k.addName(repository)
	}
	isUnknown := r.isUnknown() || release.needs.isOver
	for _, p := range previous.of(release.owner) {
		k.addPrevious(p, isUnknown)
	}
	if k.mayOwnMore(r.ID) {
		k.addUnowned()
	}
	k.addWorkloads(r.Workloads)
	if !isUnknown { // else that is a problem of its own
		release.last = sortedSet(k.last)
	}
	if k.before != nil || !isUnknown && release.room.missed == 0 { // else what it ran is not known yet
		release.ran = sortedSet(k.ran)
	}
}

// addReferred notes what the release refers to by a pin.
func (k *keeper) addReferred(p *neededPin, r *Release) {
	repository, use := p.repository(), p.uses[k.release]
	k.names[p.name()], k.names[repository] = true, true
	if use.isTrusted {
		k.referred[repository] = true
	} else {
		k.release.hasPlaces = true // those that the list will have for it
		for _, via := range use.via {
			k.byPolicy[namedBy{repository, via}] = true
		}
	}
	if r.HasRun && (k.before == nil && isNamedInRelease(use.via) || k.isChartNew(r) && isNamedByChart(use.via)) {
		k.ran = append(k.ran, p.pin)
	}
}

// isChartNew reports whether the release's chart was rendered since the last report, for the first time since
// the release was suspended: it shows only now what the release ran.
func (k *keeper) isChartNew(r *Release) bool {
	return k.before != nil && k.before.Chart == nil && r.Rendered != nil && r.Rendered.Rendered
}

// isNamedByChart reports whether the chart of a release names what stands in one of the places.
func isNamedByChart(via []string) bool {
	return slices.ContainsFunc(via, func(place string) bool { return strings.HasPrefix(place, image.ChartPath) })
}

// addName notes an image that the release refers to without a tag.
func (k *keeper) addName(repository image.Repository) {
	for _, l := range lines(k.pins.registries, repository, image.DefaultTag) {
		k.names[l.name()], k.names[l.repository()] = true, true
	}
}

// isNamedInRelease reports whether one of the places is a field of a release.
func isNamedInRelease(via []string) bool {
	return slices.ContainsFunc(via, func(place string) bool { return !strings.HasPrefix(place, link.PolicyObject) })
}

// addPrevious keeps a pin of the last list that the release owns, unless it was only referred
// to for a time while the release was suspended.
func (k *keeper) addPrevious(p *v1alpha1.Pin, isUnknown bool) {
	l := line{p.Pin, p.Image}
	hasRun := k.before == nil
	if !hasRun {
		_, hasRun = slices.BinarySearch(k.before.Ran, p.Pin)
	}
	if hasRun {
		k.ran = append(k.ran, p.Pin)
	}
	switch {
	case k.pins.isUsed(l, k.release):
		k.remember(l, p)
	case isUnknown:
		k.pins.addPrevious(k.release, p)
	case hasRun && slices.Contains(p.Via, viaChart):
		k.pins.add(k.release, l, "", viaRan, viaChart)
	case hasRun:
		k.pins.add(k.release, l, "", viaRan)
	case k.digests.has(l, p):
		k.pins.addPrevious(k.release, p)
	case !k.isReferred(l.repository(), p.Via):
		k.pins.addPrevious(k.release, p)
		k.last = append(k.last, l.repository())
	}
}

// remember keeps the places where a pin was found before, if only policies name it now that may be
// anybody's.
func (k *keeper) remember(l line, p *v1alpha1.Pin) {
	if use := k.pins.pins[l].uses[k.release]; !use.isTrusted {
		use.via = append(use.via, places(p.Via)...)
		k.release.hasPlaces = true
	}
}

// isReferred reports whether the release refers to another tag of the image of a pin that was found
// in these places. One that only a policy names that may be anybody's counts if nothing but such
// policies has ever named the pin: nobody takes away a release's tag by a policy that names another
// one.
func (k *keeper) isReferred(repository string, via []string) bool {
	return k.referred[repository] || len(via) > 0 &&
		!slices.ContainsFunc(via, func(place string) bool { return !k.byPolicy[namedBy{repository, place}] })
}

// mayOwnMore reports whether the release may have run pins that the last report did not have for it:
// because that was damaged, or written by a version that did not know what ran.
func (k *keeper) mayOwnMore(id object.ID) bool {
	entry := k.previous.memory.release(id)
	return k.previous.memory.OwnersUnknown || k.before == nil && entry != nil && entry.State == v1alpha1.ReleaseSuspended && entry.Ran == nil
}

// addUnowned keeps the pins of unknown owners, if the release refers to another tag of the same
// image: it may have run them.
func (k *keeper) addUnowned() {
	for name := range k.names {
		for _, p := range k.previous.unowned[name] {
			k.addRan(line{p.Pin, p.Image})
		}
	}
}

// addWorkloads keeps what the release's own workloads name, and the tags of its images that workloads
// name of which it is not known to which release they belong: an operator may have made them for it.
func (k *keeper) addWorkloads(workloads *WorkloadImages) {
	if workloads == nil {
		return
	}
	k.release.hasRanMore = workloads.IsCut
	k.addImages(workloads.Images, budget.WorkloadImages)
	left := budget.UntracedImages
	for _, name := range slices.Sorted(maps.Keys(k.names)) {
		left -= k.addImages(workloads.Untraced[name], left)
	}
}

// addImages keeps images that workloads name, so many at most, and returns how many.
func (k *keeper) addImages(refs []image.Reference, most int) int {
	if len(refs) > most {
		refs, k.release.hasRanMore = refs[:most], true
	}
	for _, ref := range refs {
		for _, l := range lines(k.pins.registries, ref.Repository, ref.Tag) {
			k.addRan(l)
		}
	}
	return len(refs)
}

// ranMore returns the problem that workloads name more images than count.
func ranMore() v1alpha1.Problem {
	return v1alpha1.Problem{
		Reason: v1alpha1.ReasonOverBudget,
		Message: fmt.Sprintf("its workloads name more than %d images that it may have run, or those of no known release more than %d: the others are not pinned",
			budget.WorkloadImages, budget.UntracedImages),
	}
}

// addRan keeps a pin that the release ran, or may have run.
func (k *keeper) addRan(l line) {
	k.ran = append(k.ran, l.pin)
	if !k.pins.isUsed(l, k.release) {
		k.pins.add(k.release, l, "", viaRan)
	}
}

// lastTagsKept returns the problem that only the last tags of images are known.
func lastTagsKept(repositories []string) v1alpha1.Problem {
	names := make([]string, len(repositories))
	for i, name := range repositories {
		names[i] = image.Shorten(name)
	}
	return v1alpha1.Problem{
		Reason: v1alpha1.ReasonLastTagKept,
		Message: fmt.Sprintf("no tag of %s is named any more, in its values or by an ImagePolicy: the last ones stay pinned until it is proven live, deleted or disabled",
			strings.Join(few(names, 5), ", ")),
	}
}
