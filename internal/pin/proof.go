package pin

import "time"

// verdict is whether an owner is safe without a pin.
type verdict struct {
	safe bool
	// at is the moment up to which that is known, and since is when it can have begun at
	// the earliest.
	at, since time.Time
	// because is why it is not safe.
	because string
	// owner is set if it still refers to the pin.
	owner *owner
}

// prover decides whether owners are safe without a pin.
type prover struct {
	snapshot     *Snapshot
	readyIsProof bool
	// ownersUnknown is set as long as it is not known which releases needed the pins.
	ownersUnknown bool
	owners        *owners
	// running are the images that pods run, and since when, by namespace.
	running map[string]map[string]time.Time
}

// judge returns whether an owner is safe without a pin: it was deleted, an annotation has
// disabled it, it no longer refers to the pin, or it is live.
func (p *prover) judge(name string, l line) verdict {
	v := verdict{at: p.snapshot.Taken, safe: true}
	if o := p.owners.of(name); o != nil && o.refersTo(l) {
		v = p.live(o, l)
		v.owner = o
	}
	switch {
	case !p.snapshot.Complete():
		v.safe, v.because = false, "the cluster could not be read completely"
	case p.ownersUnknown:
		v.safe, v.because = false, "it is not known yet which releases needed it"
	}
	return v
}

// live returns whether an owner that refers to a pin is proven live.
func (p *prover) live(o *owner, l line) verdict {
	switch {
	case o.Suspended:
		return verdict{because: o.String() + " is suspended"}
	case !o.Ready:
		return verdict{because: o.String() + " is not Ready at its current generation"}
	case p.readyIsProof:
		return verdict{safe: true, at: p.snapshot.Taken}
	case o.RemoteCluster:
		return verdict{because: o.String() + " runs on another cluster, whose pods pinsync does not see"}
	}
	view, ok := p.snapshot.Pods[o.TargetNamespace]
	if !ok {
		return verdict{because: "the pods of " + o.String() + " were not read yet"}
	}
	since, ok := p.runs(o, l, view)
	if !ok {
		return verdict{because: "no pod in " + o.TargetNamespace + " runs it for " + o.String()}
	}
	return verdict{safe: true, at: view.At, since: since}
}

// runs reports whether pods run the image of a pin, and since when; all images that the
// owner refers to where the pin can stand for several.
func (p *prover) runs(o *owner, l line, view PodView) (since time.Time, ok bool) {
	wanted := o.images[l.ref()]
	if len(wanted) == 0 {
		wanted = []string{l.image}
	}
	running := p.runningIn(o.TargetNamespace, view)
	for _, image := range wanted {
		at, ok := running[image]
		if !ok {
			return time.Time{}, false
		}
		if at.After(since) {
			since = at
		}
	}
	return since, true
}

// runningIn returns the images that the pods of a namespace run, and since when.
func (p *prover) runningIn(namespace string, view PodView) map[string]time.Time {
	running, ok := p.running[namespace]
	if ok {
		return running
	}
	running = map[string]time.Time{}
	p.running[namespace] = running
	for ref, since := range view.Running {
		for _, image := range images(ref.Repository, ref.Tag) {
			// One image can stand for two: V1 and v1.
			if before, ok := running[image]; !ok || since.Before(before) {
				running[image] = since
			}
		}
	}
	return running
}
