package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Planner decides which tags must be kept, again and again. A plan costs what has changed
// since the one before, and is the same as that of a new Planner, but for what a namespace has no room for.
type Planner struct {
	options Options
	needed  *neededPins
	// reported are the pins of the last report.
	reported []v1alpha1.Pin
	hasRoom  bool
}

// NewPlanner returns a planner that has planned nothing yet.
func NewPlanner(o Options) *Planner {
	return &Planner{options: o, needed: newNeededPins(o)}
}

// Plan decides which tags must be kept: those that the protected releases need, and those
// of the last list that may not be removed yet. The report shares with the next one what does
// not change: it must not be modified.
func (p *Planner) Plan(s *Snapshot) *v1alpha1.PinReport {
	protector := NewProtector(s.Namespaces, p.options)
	p.needed.update(s, protector, isSameSlice(p.reported, s.Memory.Pins))
	held := hold(s, p.options, protector, p.needed)
	p.needed.cache.sweep()
	result := report(p.needed, held, slices.Concat(s.FailedReads, s.Notes, protector.problems, p.needed.cache.linker.Problems))
	result.Protects = p.options.protects()
	p.reported, p.hasRoom = result.Pins, p.needed.hasRoom(result.Pins)
	return result
}

// HasRoom reports whether another plan should follow at once, because there is room now for what there was none in
// the last one.
func (p *Planner) HasRoom() bool { return p.hasRoom }

// Plan decides once what a Planner decides again and again.
func Plan(s *Snapshot, o Options) *v1alpha1.PinReport {
	return NewPlanner(o).Plan(s)
}
