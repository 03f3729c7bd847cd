package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// previousPins finds pins of the last list.
type previousPins struct {
	memory  *Memory
	byOwner map[string][]*v1alpha1.Pin
	// unowned are those of which not all owners are known, by repository, and by name where that
	// is not known.
	unowned map[string][]*v1alpha1.Pin
}

// previousOf finds the pins of owners.
func previousOf(m *Memory, owners map[string]bool) *previousPins {
	p := &previousPins{memory: m, byOwner: map[string][]*v1alpha1.Pin{}, unowned: map[string][]*v1alpha1.Pin{}}
	if len(owners) == 0 {
		return p
	}
	for i := range m.Pins {
		p.add(&m.Pins[i], owners)
	}
	return p
}

func (p *previousPins) add(pin *v1alpha1.Pin, owners map[string]bool) {
	isUnowned := p.memory.OwnersUnknown || len(pin.NeededBy)+len(pin.HeldFor) == 0
	for _, owner := range pin.NeededBy {
		if owners[owner] {
			p.byOwner[owner] = append(p.byOwner[owner], pin)
		}
	}
	for i := range pin.HeldFor {
		owner := pin.HeldFor[i].Owner
		isUnowned = isUnowned || !isRelease(owner)
		if owners[owner] && !slices.Contains(pin.NeededBy, owner) {
			p.byOwner[owner] = append(p.byOwner[owner], pin)
		}
	}
	if isUnowned {
		repository := line{pin.Pin, pin.Image}.repository()
		p.unowned[repository] = append(p.unowned[repository], pin)
	}
}

func (p *previousPins) of(owner string) []*v1alpha1.Pin { return p.byOwner[owner] }
