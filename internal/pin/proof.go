package pin

import (
	"time"
)

// verdict is whether a release is safe without a pin that it had needed.
type verdict struct {
	safe bool
	// at is the moment up to which that is known, and since is when it can have
	// begun at the earliest.
	at, since time.Time
	// because is why it is not safe.
	because string
	// holder is the release where it still refers to the pin.
	holder *holder
}

// judge says whether a release is safe without a pin: it is gone, an annotation
// has disabled it, it refers to the pin no more, or it is live.
func (p *planner) judge(release string, l line) verdict {
	v := verdict{at: p.snapshot.Taken, safe: true}
	if h := p.holder(release); h != nil && h.refersTo(l) {
		v = p.live(h, l)
		v.holder = h
	}
	switch {
	case !p.snapshot.Complete():
		v.safe, v.because = false, "the cluster could not be read completely"
	case p.report.Forgotten:
		v.safe, v.because = false, "it is not known yet which releases had needed it"
	}
	return v
}

// live says whether a release that refers to a pin is shown to be live.
func (p *planner) live(h *holder, l line) verdict {
	switch {
	case h.Suspended:
		return verdict{because: h.String() + " is suspended"}
	case !h.Ready:
		return verdict{because: h.String() + " is not Ready at its current generation"}
	case p.options.ReadyIsProof:
		return verdict{safe: true, at: p.snapshot.Taken}
	case h.OtherCluster:
		return verdict{because: h.String() + " runs on another cluster, whose pods are not seen"}
	}
	view, looked := p.snapshot.Pods[h.TargetNamespace]
	if !looked {
		return verdict{because: "the pods of " + h.String() + " were not looked at yet"}
	}
	since, isCarried := p.carries(h, l, view)
	if !isCarried {
		return verdict{because: "no pod in " + h.TargetNamespace + " carries it for " + h.String()}
	}
	return verdict{safe: true, at: view.At, since: since}
}

// carries says whether pods carry the image of a line, and since when; all that a
// release refers to where the line can stand for several.
func (p *planner) carries(h *holder, l line, view View) (since time.Time, all bool) {
	wanted := h.refs[l.ref()]
	if len(wanted) == 0 {
		wanted = []string{l.image}
	}
	carried := p.carriedIn(h.TargetNamespace, view)
	for _, image := range wanted {
		at, isCarried := carried[image]
		if !isCarried {
			return time.Time{}, false
		}
		if at.After(since) {
			since = at
		}
	}
	return since, true
}

// carriedIn returns the images that the pods of a namespace carry, and since when.
func (p *planner) carriedIn(namespace string, view View) map[string]time.Time {
	carried, found := p.carried[namespace]
	if found {
		return carried
	}
	carried = map[string]time.Time{}
	p.carried[namespace] = carried
	for ref, since := range view.Carried {
		for _, image := range images(ref.Repository, ref.Tag) {
			// One image can stand for two: V1 and v1.
			if before, known := carried[image]; !known || since.Before(before) {
				carried[image] = since
			}
		}
	}
	return carried
}
