package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// needsCache computes what releases need, and keeps it for those that are not protected until a release's
// inputs or the policies change.
type needsCache struct {
	options      needsOptions
	linker       *link.Linker
	policies     objectSet[link.Policy]
	repositories objectSet[link.Repository]
	known        sweep.Map[object.ID, knownNeeds]
	// tags are those of the known.
	tags tagCounts
}

type knownNeeds struct {
	namespace string
	inputs    Inputs
	needs     *needs
}

// observe takes the policies and repositories, on which all needs depend.
func (c *needsCache) observe(policies []link.Policy, repositories []link.Repository) {
	changed := c.policies.replace(policies)
	changed = c.repositories.replace(repositories) || changed
	if c.linker != nil && !changed {
		c.linker.Refill()
		return
	}
	c.linker = link.New(
		slices.SortedFunc(slices.Values(policies), compareObjects[link.Policy]),
		slices.SortedFunc(slices.Values(repositories), compareObjects[link.Repository]),
	)
	c.known, c.tags = sweep.Map[object.ID, knownNeeds]{}, tagCounts{}
}

// of returns what a release needs, which is not to be changed: the same pointer as long as
// nothing that it depends on has changed.
func (c *needsCache) of(r *Release) *needs {
	known := c.known.Get(r.ID)
	if known == nil {
		known = c.known.Put(r.ID, knownNeeds{namespace: r.Namespace})
	} else if r.Images != nil && known.inputs == r.Inputs && !c.tags.hasRoomFor(r.Namespace, known.needs) {
		return known.needs
	}
	known.inputs, known.needs = r.Inputs, c.find(r, known.needs, c.tags)
	return known.needs
}

// find finds what a release needs, which is kept, and counted, instead of what it needed before; nil, that is not
// known. A release for which its namespace has no room has that problem alone.
func (c *needsCache) find(r *Release, before *needs, tags tagCounts) *needs {
	none := &needs{} // a release for which there is no room counts, too: see hasRoomFor
	tags.replace(r.Namespace, before, none)
	n := findNeeds(r.Name, r.Inputs, c.linker, c.options)
	if refused := len(n.tags); refused > 0 && !tags.fits(r.Namespace, refused) {
		n = overBudget(budget.Exceeded(budget.NamespacePins, "tags that the releases of its namespace refer to"))
		n.refused = refused
	}
	tags.replace(r.Namespace, none, n)
	return n
}

// sweep removes what was not asked for in this plan.
func (c *needsCache) sweep() {
	for _, known := range c.known.Sweep() {
		c.tags.replace(known.namespace, known.needs, nil)
	}
}

// named is a Policy or a Repository.
type named interface {
	comparable
	ObjectName() object.Name
}

func compareObjects[T named](a, b T) int { return object.Compare(a.ObjectName(), b.ObjectName()) }

// objectSet is a set of objects of which no two have the same name.
type objectSet[T named] struct {
	list   []T
	byName map[object.Name]T
}

// replace replaces the objects, and reports whether they are others than before, whatever
// their order.
func (s *objectSet[T]) replace(list []T) (changed bool) {
	if isSameSlice(s.list, list) {
		return false
	}
	s.list = list
	isNew := func(o T) bool {
		known, ok := s.byName[o.ObjectName()]
		return !ok || known != o
	}
	if len(s.byName) == len(list) && !slices.ContainsFunc(list, isNew) {
		return false
	}
	s.byName = make(map[object.Name]T, len(list))
	for _, o := range list {
		s.byName[o.ObjectName()] = o
	}
	return true
}

// isSameSlice reports whether two slices are one and the same: whoever passes one again has
// not changed it.
func isSameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}
