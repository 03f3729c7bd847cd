package pin

import (
	"maps"
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Requirements are what a plan must know besides the protected releases, because it may
// remove pins that others needed.
type Requirements struct {
	// MayRemove is set if a pin may be removed, or be held for fewer owners: everything is
	// to be read from the API server itself, of releases those that are ToConfirm, sorted.
	MayRemove bool
	ToConfirm []object.ID

	// ConfirmAll is set if these are all releases, because a pin may be removed whose owners
	// are not known.
	ConfirmAll bool

	// More is set if there is more to confirm than one plan should wait for.
	More bool

	// AllReleases is set if owners are not known: the images of all releases matter.
	AllReleases bool

	readyIsProof bool
	owners       map[object.ID]requiredOwner
}

// requiredOwner is a release that pins are held for, or would be, or that may come to need some before it is
// live.
type requiredOwner struct {
	// isHeldFor is set if some are held for it already, and isFound if the snapshot has it: see Found.
	isHeldFor, isFound bool
}

// confirmAtOnce limits how many releases are confirmed for one plan, or those of one pin
// where they are more: each takes a request or two.
const confirmAtOnce = 100

// Require returns what is to be known for a plan that is made now, in a cluster that has
// been observed without interruption since then.
func Require(m Memory, now, since time.Time, o Options) *Requirements {
	q := &Requirements{readyIsProof: o.ReadyIsProof, owners: make(map[object.ID]requiredOwner, len(m.Pins))}
	confirm := map[string]bool{}
	// A release that is being resumed, and of which nothing is known, needs what it refers to.
	q.AllReleases = m.OwnersUnknown && len(m.Pins) > 0
	for i := range m.Pins {
		p := &m.Pins[i]
		q.addOwners(p)
		over := ownersOver(p, func(h *v1alpha1.Hold) bool {
			return h.SafeSince != nil && now.Sub(safeFrom(h.SafeSince, now, since)) >= o.Grace
		})
		if len(confirm) >= confirmAtOnce {
			q.More = q.More || len(over) > 0
			over = slices.DeleteFunc(over, isRelease) // all releases are read for the others, and none is asked for by name
		}
		for _, owner := range over {
			confirm[owner] = true
		}
	}
	q.addWithoutPins(m.Releases)
	q.MayRemove = len(confirm) > 0
	q.ConfirmAll = confirm[v1alpha1.UnknownOwner] || confirm[v1alpha1.OtherOwners]
	for _, owner := range slices.Sorted(maps.Keys(confirm)) {
		if id, ok := object.ParseID(owner); ok {
			q.ToConfirm = append(q.ToConfirm, id)
		}
	}
	return q
}

// addOwners adds the owners of a listed pin.
func (q *Requirements) addOwners(p *v1alpha1.Pin) {
	isHeld := p.State == v1alpha1.PinHeld
	isUnowned := len(p.NeededBy)+len(p.HeldFor) == 0
	q.AllReleases = q.AllReleases || isUnowned
	for _, owner := range p.NeededBy {
		q.addNamed(owner, isHeld)
	}
	for i := range p.HeldFor {
		owner := p.HeldFor[i].Owner
		q.AllReleases = q.AllReleases || !isRelease(owner)
		q.addNamed(owner, true)
	}
}

func (q *Requirements) addNamed(owner string, isHeldFor bool) {
	if id, ok := object.ParseID(owner); ok {
		q.addOwner(id, isHeldFor)
	}
}

func (q *Requirements) addOwner(id object.ID, isHeldFor bool) {
	q.owners[id] = requiredOwner{isHeldFor: isHeldFor || q.owners[id].isHeldFor}
}

// addWithoutPins adds the releases that had no pin.
func (q *Requirements) addWithoutPins(releases []v1alpha1.Release) {
	for i := range releases {
		if r := &releases[i]; isWithoutPins(r) {
			q.addOwner(idOf(r), false)
		}
	}
}

// ownersOver returns the owners whose hold on a pin is over, if anything follows from that: a
// held pin is removed as a whole; a needed one loses owners one by one.
func ownersOver(p *v1alpha1.Pin, isOver func(*v1alpha1.Hold) bool) []string {
	var over []string
	for i := range p.HeldFor {
		if isOver(&p.HeldFor[i]) {
			over = append(over, p.HeldFor[i].Owner)
		}
	}
	if p.State == v1alpha1.PinHeld && (len(p.NeededBy) > 0 || len(over) < len(p.HeldFor)) {
		return nil
	}
	return over
}

// Wants reports whether the images of a release matter though it may not be protected.
func (q *Requirements) Wants(release object.ID) bool {
	if q.AllReleases {
		return true
	}
	_, ok := q.owners[release]
	return ok
}

// Found notes that the snapshot has a release.
func (q *Requirements) Found(release object.ID) {
	if owner, ok := q.owners[release]; ok && !owner.isFound {
		owner.isFound = true
		q.owners[release] = owner
	}
}

// NotFound returns the releases that pins are held for, or may have to be, and that were not found yet, in any
// order.
func (q *Requirements) NotFound() (owners []object.ID) {
	for id, owner := range q.owners {
		if !owner.isFound {
			owners = append(owners, id)
		}
	}
	return owners
}

// Namespaces returns those whose pods are to be read, sorted: where there are releases that
// pins are held for, and that are live if their pods show it.
func (q *Requirements) Namespaces(releases []Release) []string {
	if q.readyIsProof {
		return nil
	}
	set := map[string]bool{}
	for i := range releases {
		r := &releases[i]
		if !r.Suspended && r.Ready && !r.RemoteCluster && q.owners[r.ID].isHeldFor {
			set[r.TargetNamespace] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// IsUnfinished reports whether another plan should follow at once: this one holds pins that the memory before it
// did not, for which nothing was required yet, or fewer, for fewer releases, which makes room for others of these.
func IsUnfinished(m Memory, r *v1alpha1.PinReport) bool {
	if len(r.Pins) < len(m.Pins) || countOwners(r.Pins) < countOwners(m.Pins) {
		return true
	}
	held := map[line]bool{}
	for i := range m.Pins {
		if m.Pins[i].State == v1alpha1.PinHeld {
			held[line{m.Pins[i].Pin, m.Pins[i].Image}] = true
		}
	}
	return slices.ContainsFunc(r.Pins, func(p v1alpha1.Pin) bool {
		return p.State == v1alpha1.PinHeld && !held[line{p.Pin, p.Image}]
	})
}

func countOwners(pins []v1alpha1.Pin) int {
	count := 0
	for i := range pins {
		count += len(pins[i].NeededBy) + len(pins[i].HeldFor)
	}
	return count
}
