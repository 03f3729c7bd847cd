package pin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// holder is a release that pins are held for, or may be.
type holder struct {
	*Release
	yield *yield
	lines map[line]bool
	// held are the lines that are held for it.
	held []string
}

// holder returns what a release that is not protected refers to; nil where there is
// none, or an annotation has disabled it.
func (p *planner) holder(name string) *holder {
	if h, found := p.holders[name]; found {
		return h
	}
	var h *holder
	if release, exists := p.releases[name]; exists {
		if enabled, _ := p.protector.enables(release); enabled {
			h = p.newHolder(release)
		}
	}
	p.holders[name] = h
	return h
}

func (p *planner) newHolder(release *Release) *holder {
	h := &holder{
		Release: release, lines: map[line]bool{},
		yield: yieldOf(release, p.linker, mode{floatingOnly: p.options.FloatingOnly}),
	}
	for _, n := range h.yield.needs {
		for _, l := range lines(p.options.Registries, n.ref.Repository, n.ref.Tag) {
			// The image of a pin that only the lines had is not known.
			h.lines[l], h.lines[line{pin: l.pin}] = true, true
		}
	}
	return h
}

// refersTo says whether a release refers to a pin, or may: where it cannot be
// known, it does.
func (h *holder) refersTo(l line) bool {
	return h.lines[l] || h.Unknown || h.Contents == nil
}

// hold goes through what the last list said. Each of its pins stays until all that
// had needed it have been safe for the whole of the grace.
func (p *planner) hold() {
	remember := p.remember()
	for i := range p.snapshot.Memory.Pins {
		previous := &p.snapshot.Memory.Pins[i]
		l := line{pin: previous.Pin, image: previous.Image}
		if now, isNeeded := p.pins[l]; isNeeded {
			now.NeededBy = sortedSet(now.NeededBy)
			now.HeldFor = p.holdsBesides(now, l, remember(previous))
			continue
		}
		if held := p.held(previous, l, remember(previous)); held != nil {
			p.pins[l] = held
		}
	}
}

// remember returns what says whom a listed pin is held for. Where that is not known,
// these are all releases that refer to it, now or in the grace that begins then.
func (p *planner) remember() func(*v1alpha1.Pin) []v1alpha1.Hold {
	isKnown := p.snapshot.Complete() && p.snapshot.Everyone
	p.report.Forgotten = p.snapshot.Memory.Forgotten && !isKnown
	if !isKnown {
		return holdsOf
	}
	referring, unknown := p.referring()
	return func(previous *v1alpha1.Pin) []v1alpha1.Hold {
		holds := holdsOf(previous)
		if p.snapshot.Memory.Forgotten {
			holds = addHolds(holds, v1alpha1.HeldForUnknown)
		}
		if isHeldForUnknown(holds) {
			l := line{pin: previous.Pin, image: previous.Image}
			holds = addHolds(addHolds(holds, referring[l]...), unknown...)
		}
		return holds
	}
}

// referring returns the releases that refer to each line, disabled ones, too, and
// those that may refer to any, because what they refer to cannot be known.
func (p *planner) referring() (referring map[line][]string, unknown []string) {
	referring = map[line][]string{}
	for i := range p.snapshot.Releases {
		release := &p.snapshot.Releases[i]
		if release.Unknown {
			unknown = append(unknown, release.String())
			continue
		}
		for l := range p.newHolder(release).lines {
			referring[l] = append(referring[l], release.String())
		}
	}
	return referring, unknown
}

// holdsBesides returns whom a needed pin is held for besides those that need it.
// Those who do without it are forgotten after the grace; whether the others are
// live is looked at once nobody needs it.
func (p *planner) holdsBesides(needed *v1alpha1.Pin, l line, holds []v1alpha1.Hold) []v1alpha1.Hold {
	var besides []v1alpha1.Hold
	for _, h := range holds {
		if _, needs := slices.BinarySearch(needed.NeededBy, h.Release); needs {
			continue
		}
		v := p.judge(h.Release, l)
		v.safe = v.safe && v.holder == nil
		if !p.run(&h, &v) {
			besides = append(besides, h)
		}
	}
	return besides
}

// held returns a listed pin that nobody needs as it is held now, nil where it can go.
func (p *planner) held(previous *v1alpha1.Pin, l line, holds []v1alpha1.Hold) *v1alpha1.Pin {
	pin := *previous
	pin.State, pin.NeededBy, pin.HeldFor = v1alpha1.PinHeld, nil, holds
	if pin.HeldSince == nil {
		pin.HeldSince = timestamp(p.snapshot.Taken)
	}
	mayGo := true
	var waits []string
	var resuming []*holder
	for i := range holds {
		v := p.judge(holds[i].Release, l)
		mayGo = p.run(&holds[i], &v) && mayGo
		if !v.safe {
			waits = append(waits, v.because)
		}
		if v.holder != nil {
			resuming = append(resuming, v.holder)
		}
	}
	if mayGo {
		return nil
	}
	for _, h := range resuming {
		h.held = append(h.held, l.pin)
	}
	because := p.because(waits, holds)
	pin.HeldBecause = &because
	return &pin
}

// run runs the clock of a hold, and says whether it has run for the whole of the
// grace: without interruption, up to what was seen last, and by what the API server
// itself says.
func (p *planner) run(h *v1alpha1.Hold, v *verdict) bool {
	if isLive := v.holder != nil; !v.safe || h.Live != isLive {
		h.SafeSince, h.Live = nil, v.safe && isLive
	}
	if !v.safe {
		return false
	}
	from := safeFrom(h.SafeSince, p.snapshot.Taken, v.since)
	h.SafeSince = timestamp(from.Add(time.Second - 1)) // never too early by what is cut off
	isConfirmed := h.Release == v1alpha1.HeldForUnknown || p.snapshot.Confirmed[h.Release]
	watched := safeFrom(h.SafeSince, p.snapshot.Taken, p.snapshot.Since)
	return isConfirmed && v.at.Sub(watched) >= p.options.Grace
}

// because says what a held pin waits for.
func (p *planner) because(waits []string, holds []v1alpha1.Hold) string {
	if len(waits) > 0 {
		return strings.Join(few(sortedSet(waits), 3), "; ")
	}
	var since string
	for _, h := range holds {
		since = max(since, *h.SafeSince)
	}
	return fmt.Sprintf("nothing needs it since %s, and it goes once that was watched for %s without a break", since, p.options.Grace)
}

// resuming adds to the report the releases that pins are held for and that refer to
// them.
func (p *planner) resuming() {
	for _, h := range p.holders {
		if h == nil || len(h.held) == 0 || h.Suspended {
			continue
		}
		if h.OtherCluster && !p.options.ReadyIsProof {
			h.yield.problem(v1alpha1.ReasonOtherCluster, "spec.kubeConfig",
				"it runs on another cluster, where no pod is seen that could show it to be live: its pins stay")
		}
		p.report.Releases = append(p.report.Releases, v1alpha1.Release{
			Namespace: h.Namespace,
			Name:      h.Name.Name,
			State:     v1alpha1.ReleaseResuming,
			Policies:  few(h.yield.names(), maxPolicies),
			Pins:      sortedSet(h.held),
			Problems:  sortedProblems(h.yield.problems),
		})
	}
}

func timestamp(t time.Time) *string {
	s := t.UTC().Format(time.RFC3339)
	return &s
}
