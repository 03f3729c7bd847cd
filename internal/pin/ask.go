package pin

import (
	"maps"
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Questions are what a plan must know besides the protected releases, because it
// may let pins go that others had needed.
type Questions struct {
	// MayLetGo says that a pin may go, or be held for fewer releases: everything is to
	// be read from the API server itself, of releases those that are ToConfirm, as
	// namespace/name.
	MayLetGo  bool
	ToConfirm []string

	// ConfirmAll says that these are all releases, because a pin may go for which it is
	// not known who had needed it.
	ConfirmAll bool

	// More says that there is more to confirm than one plan should wait for.
	More bool

	options Options
	// holders are the releases that pins are held for, or would be; true, a held pin waits
	// for them.
	holders map[Name]bool

	// Everyone says that it is not known who they are: that the contents of all
	// releases matter.
	Everyone bool
}

// confirmAtOnce is how many releases are confirmed for one plan, or those of one pin
// where they are more: each takes a request or two.
const confirmAtOnce = 100

// Ask returns what is to be found out for a plan that is made now, in a cluster
// that has been watched since then.
func Ask(m Memory, now, since time.Time, o Options) *Questions {
	q := &Questions{options: o, holders: map[Name]bool{}}
	confirm := map[string]bool{}
	for i := range m.Pins {
		isHeld := m.Pins[i].State == v1alpha1.PinHeld
		holds := holdsOf(&m.Pins[i])
		q.Everyone = q.Everyone || isHeld && m.Forgotten || isHeldForUnknown(holds)
		var over []string
		for _, h := range holds {
			name := nameOf(h.Release)
			q.holders[name] = q.holders[name] || isHeld
			if h.SafeSince != nil && now.Sub(safeFrom(h.SafeSince, now, since)) >= o.Grace {
				over = append(over, h.Release)
			}
		}
		// A held pin leaves as a whole; a needed one forgets releases one by one.
		switch {
		case isHeld && len(over) < len(holds):
		case len(confirm) >= confirmAtOnce:
			q.More = true
		default:
			for _, release := range over {
				confirm[release] = true
			}
		}
	}
	q.MayLetGo, q.ConfirmAll = len(confirm) > 0, confirm[v1alpha1.HeldForUnknown]
	delete(confirm, v1alpha1.HeldForUnknown)
	q.ToConfirm = slices.Sorted(maps.Keys(confirm))
	return q
}

// HoldsMore says whether a plan holds pins that the memory before it did not hold: nothing was
// asked about them yet, and the next plan should not wait.
func HoldsMore(m Memory, r *v1alpha1.PinReport) bool {
	held := make(map[line]bool, len(m.Pins))
	for i := range m.Pins {
		if m.Pins[i].State == v1alpha1.PinHeld {
			held[line{m.Pins[i].Pin, m.Pins[i].Image}] = true
		}
	}
	return slices.ContainsFunc(r.Pins, func(p v1alpha1.Pin) bool {
		return p.State == v1alpha1.PinHeld && !held[line{p.Pin, p.Image}]
	})
}

// Wants says whether the contents of a release matter though it may not be
// protected.
func (q *Questions) Wants(release Name) bool {
	_, isHolder := q.holders[release]
	return isHolder || q.Everyone
}

// Namespaces returns those whose pods are to be looked at, sorted: where there are
// releases that held pins wait for, and that are live if their pods show it.
func (q *Questions) Namespaces(releases []Release) []string {
	set := map[string]bool{}
	for i := range releases {
		r := &releases[i]
		if q.holders[r.Name] && r.mayBeLive() && !r.OtherCluster && !q.options.ReadyIsProof {
			set[r.TargetNamespace] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// mayBeLive says whether a release is as one that runs; only its pods show whether
// it does.
func (r *Release) mayBeLive() bool {
	return !r.Suspended && r.Ready
}

// safeFrom returns from when a hold that is safe now counts as safe: from when it
// says, but not before the times given, and from now where it says nothing, or a
// time to come.
func safeFrom(safeSince *string, now time.Time, notBefore ...time.Time) time.Time {
	if safeSince == nil {
		return now
	}
	from, err := time.Parse(time.RFC3339, *safeSince)
	for _, t := range notBefore {
		if t.After(from) {
			from = t
		}
	}
	if err != nil || from.After(now) {
		return now
	}
	return from
}
