package pin

import (
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/internal/object"
)

// verdict is whether an owner is safe without a pin.
type verdict struct {
	safe bool
	// live is set if it is safe because it is proven live.
	live bool
	// at is the moment up to which that is known, and since is when it can have begun at
	// the earliest.
	at, since time.Time
	// because is why it is not safe.
	because string
	// owner is the release; nil, there is none, or an annotation disables it.
	owner *owner
	// refers is set if it refers to the pin, or may.
	refers bool
}

// awaitsChart reports whether the owner's chart is still to be rendered as it is now: it may name the pin.
func (v *verdict) awaitsChart() bool { return v.owner != nil && v.owner.ChartStale }

// prover decides whether owners are safe without a pin.
type prover struct {
	snapshot     *Snapshot
	readyIsProof bool
	// ownersUnknown is set as long as it is not known which releases needed the pins.
	ownersUnknown bool
	// unreadable is a release that may have needed a pin of unknown owners; empty, there is none.
	unreadable string
	owners     *owners
	// charts are the listed pins that are charts of releases; nil, nobody has asked.
	charts map[line]bool
	// running are the images that pods run, and jobs those that jobs name, by namespace.
	running, jobs map[string]map[tracedImage]time.Time
}

// tracedImage is an image, as host/path:tag, of a release; of an empty one where it is not known
// of which.
type tracedImage struct {
	release object.Name
	image   string
}

// judge returns whether an owner is safe without a pin: it was deleted, an annotation has
// disabled it, it is proven live, or it is suspended and the pin is not among those that it
// keeps.
func (p *prover) judge(name string, l line) verdict {
	v := verdict{at: p.snapshot.Taken, safe: true}
	if o := p.owners.of(name); o != nil {
		refers := o.refersTo(l)
		switch {
		case o.ChartRefUnknown && p.isChart(l):
			v = verdict{because: "it is not known which chart " + o.String() + " refers to"}
		case refers && o.Suspended:
			v = verdict{because: o.String() + " is suspended"}
		case o.Suspended && o.WorkloadsUnread:
			v = verdict{because: "the workloads of " + o.String() + " were not read yet"}
		case o.Suspended:
		default:
			v = p.live(o, l, refers)
		}
		v.owner, v.refers = o, refers
	}
	switch {
	case !p.snapshot.Complete():
		v.safe, v.because = false, "the cluster could not be read completely"
	case p.ownersUnknown:
		v.safe, v.because = false, "it is not known yet which releases needed it"
	case p.unreadable != "" && !isRelease(name):
		v.safe, v.because = false, "it is not known which releases needed it, and the images of "+p.unreadable+" are not known"
	}
	return v
}

// isChart reports whether a listed pin is the chart of a release.
func (p *prover) isChart(l line) bool {
	if p.charts == nil {
		p.charts = map[line]bool{}
		for i := range p.snapshot.Memory.Pins {
			if pin := &p.snapshot.Memory.Pins[i]; slices.Contains(pin.Via, viaChart) {
				p.charts[line{pin.Pin, pin.Image}] = true
			}
		}
	}
	return p.charts[l]
}

// live returns whether an owner that is not suspended is proven live: on a pin that it refers to, or on
// something else.
func (p *prover) live(o *owner, l line, refers bool) verdict {
	switch {
	case !o.Ready:
		return verdict{because: o.String() + " is not Ready at its current generation"}
	case p.readyIsProof, o.RemoteCluster && !refers:
		return verdict{safe: true, live: true, at: p.snapshot.Taken}
	case o.RemoteCluster:
		return verdict{because: o.String() + " runs on another cluster, whose pods pinsync does not see"}
	}
	view, ok := p.snapshot.Pods[o.TargetNamespace]
	if !ok {
		return verdict{because: "the pods of " + o.String() + " were not read yet"}
	}
	if !refers {
		return p.liveElsewhere(o, l, view)
	}
	since, ok := p.runs(o, l, view)
	if !ok {
		return verdict{because: "no pod in " + o.TargetNamespace + " runs it for " + o.String()}
	}
	return verdict{safe: true, live: true, at: view.At, since: since}
}

// runs reports whether pods run the image of a pin, and since when; all images that the
// owner refers to where the pin can stand for several.
func (p *prover) runs(o *owner, l line, view PodView) (since time.Time, ok bool) {
	wanted := o.images[l.ref()]
	if len(wanted) == 0 {
		wanted = []string{l.image}
	}
	for _, image := range wanted {
		at, ok := p.runsImage(o, image, view)
		if !ok {
			return time.Time{}, false
		}
		if at.After(since) {
			since = at
		}
	}
	return since, true
}

// runsImage reports whether pods of an owner run an image, and since when. A pod counts for every
// owner if it is not known to which release it belongs.
func (p *prover) runsImage(o *owner, image string, view PodView) (since time.Time, ok bool) {
	running := tracedIn(p.running, o.TargetNamespace, view.Running)
	if since, ok := running[tracedImage{o.Name, image}]; ok {
		return since, true
	}
	since, ok = running[tracedImage{image: image}]
	o.isUntraced = o.isUntraced || ok
	return since, ok
}

// liveElsewhere returns whether an owner that does not refer to a pin any more is proven live on
// what it refers to instead: on another tag of the image, or on any image where it refers to no
// other tag; by any pod of its own where it refers to no image, for a policy may only be gone. What
// only jobs run is never live for long: that its jobs name the tag is enough. A chart is no image: of
// another version of it no more is asked than of an image that it does not refer to.
func (p *prover) liveElsewhere(o *owner, l line, view PodView) verdict {
	p.findLive(o, view)
	runsOther, hasOther := o.running[l.repository()]
	switch {
	case hasOther && !runsOther:
		return verdict{because: "no pod in " + o.TargetNamespace + " runs another tag of it for " + o.String()}
	case !hasOther && !o.runsAny:
		return verdict{because: "no pod in " + o.TargetNamespace + " runs an image of " + o.String()}
	default:
		return verdict{safe: true, live: true, at: view.At}
	}
}

// findLive finds which of the repositories that an owner refers to run, once.
func (p *prover) findLive(o *owner, view PodView) {
	if o.running != nil {
		return
	}
	o.running = map[string]bool{}
	images := slices.DeleteFunc(slices.Clone(o.lines), func(l line) bool { return o.charts[l.repository()] })
	o.runsAny = len(images) == 0 && p.hasPod(o, view)
	for _, other := range images {
		_, runs := p.runsImage(o, other.image, view)
		runs = runs || p.hasJob(o, other.image, view)
		o.running[other.repository()] = o.running[other.repository()] || runs
		o.runsAny = o.runsAny || runs
	}
}

// hasPod reports whether a pod of an owner has started.
func (p *prover) hasPod(o *owner, view PodView) bool {
	for named := range view.Running {
		if named.Release == o.Name {
			return true
		}
	}
	return false
}

// hasJob reports whether a job of an owner names an image.
func (p *prover) hasJob(o *owner, image string, view PodView) bool {
	_, ok := tracedIn(p.jobs, o.TargetNamespace, view.Jobs)[tracedImage{o.Name, image}]
	return ok
}

// tracedIn returns the images of a namespace, and since when, by what they are looked for. They are
// kept for the next time.
func tracedIn(known map[string]map[tracedImage]time.Time, namespace string, named map[ReleaseImage]time.Time) map[tracedImage]time.Time {
	traced, ok := known[namespace]
	if ok {
		return traced
	}
	traced = map[tracedImage]time.Time{}
	known[namespace] = traced
	for of, since := range named {
		for _, image := range images(of.Repository, of.Tag) {
			// One image can stand for two: V1 and v1.
			key := tracedImage{of.Release, image}
			if before, ok := traced[key]; !ok || since.Before(before) {
				traced[key] = since
			}
		}
	}
	return traced
}
