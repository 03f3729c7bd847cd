package pin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// holder is a release that pins are held for, or may be.
type holder struct {
	*Release
	yield *yield
	// refs are the images that it refers to, by themselves and by their pins.
	refs map[string][]string
	// held are the lines that are held for it.
	held []string
}

// holder returns what a release that is not protected refers to; nil where the snapshot has
// none, or an annotation has disabled it.
func (p *planner) holder(name string) *holder {
	if h, found := p.holders[name]; found {
		return h
	}
	var h *holder
	if release, exists := p.releases[nameOf(name)]; exists {
		if enabled, _ := p.protector.enables(release); enabled {
			h = p.newHolder(release)
		}
	}
	p.holders[name] = h
	return h
}

func (p *planner) newHolder(release *Release) *holder {
	h := &holder{
		Release: release, refs: map[string][]string{},
		yield: p.yieldOf(release),
	}
	for _, n := range h.yield.needs {
		for _, image := range images(n.ref.Repository, n.ref.Tag) {
			h.refs[image] = []string{image}
		}
		for _, l := range lines(p.options.Registries, n.ref.Repository, n.ref.Tag) {
			h.refs[l.pin] = append(h.refs[l.pin], l.image)
		}
	}
	return h
}

// ref is what refers to a line: its image, which stays what it is whatever the
// configuration calls its pin; the pin itself where the image is not known.
func (l line) ref() string {
	return cmp.Or(l.image, l.pin)
}

// refersTo says whether a release refers to a pin, or may: where it cannot be
// known, it does.
func (h *holder) refersTo(l line) bool {
	return len(h.refs[l.ref()]) > 0 || h.Found == nil || h.Found.Unknown
}

// hold goes through what the last list said. Each of its pins stays until all that
// had needed it have been safe for the whole of the grace.
func (p *planner) hold() {
	remember := p.remember()
	for _, previous := range p.renamed() {
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

// renamed returns the pins of the last list, and those that the configuration has come
// to call otherwise by their new name, too, held for the same releases.
func (p *planner) renamed() []*v1alpha1.Pin {
	at := make(map[line]int, len(p.snapshot.Memory.Pins))
	var pins []*v1alpha1.Pin
	for i := range p.snapshot.Memory.Pins {
		previous := &p.snapshot.Memory.Pins[i]
		at[line{previous.Pin, previous.Image}] = len(pins)
		pins = append(pins, previous)
	}
	names := make(map[string]string, len(pins))
	for _, previous := range slices.Clone(pins) {
		name, isKnown := p.names[previous.Image]
		if !isKnown {
			name = p.nameNow(previous.Image)
		}
		names[previous.Image] = name
		if name == "" || name == previous.Pin {
			continue
		}
		now := *previous
		now.Pin = name
		if i, isListed := at[line{now.Pin, now.Image}]; isListed {
			now = *pins[i]
			now.HeldFor = mergeHolds(slices.Concat(holdsOf(pins[i]), holdsOf(previous)))
			pins[i] = &now
			continue
		}
		at[line{now.Pin, now.Image}] = len(pins)
		pins = append(pins, &now)
	}
	p.names = names
	return pins
}

// nameNow is the pin of an image as the configuration calls it; empty where the image is not
// known, or not to be pinned any more.
func (p *planner) nameNow(listed string) string {
	ref, err := image.Parse(listed)
	if err != nil {
		return ""
	}
	name, isIncluded := pinName(p.options.Registries, ref.Repository)
	if !isIncluded {
		return ""
	}
	return name + "==" + ref.Tag
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
		l := line{pin: previous.Pin, image: previous.Image}
		if isHeldForUnknown(holds) {
			holds = addHolds(holds, unknown...)
		} else if !p.snapshot.Memory.Forgotten {
			return holds
		}
		return addHolds(holds, referring[l.ref()]...)
	}
}

// referring returns the releases that refer to each image and pin, disabled ones, too,
// and those that may refer to any, because what they refer to cannot be known.
func (p *planner) referring() (referring map[string][]string, unknown []string) {
	referring = map[string][]string{}
	for i := range p.snapshot.Releases {
		release := &p.snapshot.Releases[i]
		if release.Found != nil && release.Found.Unknown {
			unknown = append(unknown, release.String())
			continue
		}
		for ref := range p.newHolder(release).refs {
			referring[ref] = append(referring[ref], release.String())
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
	pin.State, pin.NeededBy, pin.HeldFor, pin.Via = v1alpha1.PinHeld, nil, holds, places(previous.Via)
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
		problems := slices.Clone(h.yield.problems)
		if h.OtherCluster && !p.options.ReadyIsProof {
			problems = append(problems, v1alpha1.Problem{
				Reason: v1alpha1.ReasonOtherCluster, Field: "spec.kubeConfig",
				Message: "it runs on another cluster, where no pod is seen that could show it to be live: its pins stay",
			})
		}
		p.report.Releases = append(p.report.Releases, v1alpha1.Release{
			Namespace: h.Namespace,
			Name:      h.Name.Name,
			State:     v1alpha1.ReleaseResuming,
			Policies:  few(h.yield.names(), maxPolicies),
			Pins:      sortedSet(h.held),
			Problems:  sortedProblems(problems),
		})
	}
}

func timestamp(t time.Time) *string {
	s := t.UTC().Format(time.RFC3339)
	return &s
}
