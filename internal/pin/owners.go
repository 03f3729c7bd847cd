package pin

import (
	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// owner is a release that needed a pin, and what it refers to now.
type owner struct {
	*Release
	needs *needs
	// images are those that it refers to, by themselves and by their pins.
	images map[string][]string
	// held are the pins that are held for it and that it refers to.
	held []string
}

// refersTo reports whether an owner refers to a pin, or may: if its images are not known, it
// does.
func (o *owner) refersTo(l line) bool {
	return len(o.images[l.ref()]) > 0 || o.Images == nil || o.Images.Unknown
}

// owners are the releases of a snapshot that own pins or may own them.
type owners struct {
	registries []Registry
	protector  *Protector
	cache      *needsCache
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

func (o *owners) read(r *Release) *owner {
	read := &owner{Release: r, needs: o.cache.of(r), images: map[string][]string{}}
	for i := range read.needs.tags {
		tag := &read.needs.tags[i]
		for _, image := range images(tag.Repository, tag.Tag) {
			read.images[image] = []string{image}
		}
		for _, l := range lines(o.registries, tag.Repository, tag.Tag) {
			read.images[l.pin] = append(read.images[l.pin], l.image)
		}
	}
	return read
}

// referring returns the releases that refer to each image and pin, disabled ones, too, and
// those that may refer to any, because their images are not known.
func (o *owners) referring() (byImage map[string][]string, unknown []string) {
	byImage = map[string][]string{}
	for i := range o.snapshot.Releases {
		r := &o.snapshot.Releases[i]
		if r.Images != nil && r.Images.Unknown {
			unknown = append(unknown, r.String())
			continue
		}
		for image := range o.read(r).images {
			byImage[image] = append(byImage[image], r.String())
		}
	}
	return byImage, unknown
}

// resuming returns what the report has for the owners that are not suspended and that held
// pins wait for.
func (o *owners) resuming(readyIsProof bool) []v1alpha1.Release {
	var releases []v1alpha1.Release
	for _, owner := range o.known {
		if owner == nil || len(owner.held) == 0 || owner.Suspended {
			continue
		}
		problems := append([]v1alpha1.Problem{}, owner.needs.problems...)
		if owner.RemoteCluster && !readyIsProof {
			problems = append(problems, v1alpha1.Problem{
				Reason: v1alpha1.ReasonRemoteCluster, Field: "spec.kubeConfig",
				Message: "it runs on another cluster, whose pods pinsync does not see, so they cannot prove that it is live: its pins stay",
			})
		}
		releases = append(releases, releaseEntry(owner.ID, v1alpha1.ReleaseResuming, owner.needs, owner.held, problems))
	}
	return releases
}
