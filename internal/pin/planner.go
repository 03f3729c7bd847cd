package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Planner plans again and again. It keeps what a release yields until the release, or what
// that depends on, has changed; its plans are those of Plan.
type Planner struct {
	options Options

	// linker is that of these policies and repositories.
	policies     map[Name]Policy
	repositories map[Name]Repository
	linker       *linker

	// names are the pins of images, as the configuration calls them, that the last list had.
	names map[string]string

	yields map[Name]*keptYield
	// round counts the plans.
	round int
}

// keptYield is what a release yields as long as these are what they are, and the round in
// which it was asked for last.
type keptYield struct {
	found                        *Found
	policies, releaseName, chart string
	yield                        *yield
	round                        int
}

// NewPlanner returns a planner that has planned nothing yet.
func NewPlanner(o Options) *Planner {
	return &Planner{options: o, yields: map[Name]*keptYield{}}
}

// Plan decides which tags must be kept: those that the protected releases need, and
// those of the last list that are not yet safe to let go.
func (k *Planner) Plan(s *Snapshot) *v1alpha1.PinReport {
	p := k.begin(s)
	for i := range s.Releases {
		if protected, problem := p.protector.protects(&s.Releases[i]); protected {
			p.release(&s.Releases[i], problem)
		}
	}
	p.hold()
	p.resuming()
	k.forget()
	return p.finish()
}

// begin begins a plan. All that is kept depends on the policies.
func (k *Planner) begin(s *Snapshot) *planner {
	if k.linker == nil || !isSet(k.policies, s.Policies) || !isSet(k.repositories, s.Repositories) {
		k.policies, k.repositories = setOf(s.Policies), setOf(s.Repositories)
		k.linker = newLinker(
			slices.SortedFunc(slices.Values(s.Policies), byName[Policy]),
			slices.SortedFunc(slices.Values(s.Repositories), byName[Repository]),
		)
		clear(k.yields)
	}
	k.round++
	return newPlanner(s, k)
}

// named is what has a name, as Policy and Repository do.
type named interface {
	comparable
	name() Name
}

func byName[T named](a, b T) int { return compareNames(a.name(), b.name()) }

// setOf returns objects by their names.
func setOf[T named](objects []T) map[Name]T {
	set := make(map[Name]T, len(objects))
	for _, object := range objects {
		set[object.name()] = object
	}
	return set
}

// isSet says whether objects, of which no two have the same name, are those of a set.
func isSet[T named](set map[Name]T, objects []T) bool {
	if len(set) != len(objects) {
		return false
	}
	for _, object := range objects {
		if known, found := set[object.name()]; !found || known != object {
			return false
		}
	}
	return true
}

// yieldOf returns what a release yields, which is not to be changed.
func (k *Planner) yieldOf(r *Release) *yield {
	kept := k.yields[r.Name]
	if kept == nil || r.Found == nil || kept.found != r.Found ||
		kept.policies != r.Policies || kept.releaseName != r.ReleaseName || kept.chart != r.Chart {
		kept = &keptYield{
			found: r.Found, policies: r.Policies, releaseName: r.ReleaseName, chart: r.Chart,
			yield: yieldOf(r, k.linker, mode{floatingOnly: k.options.FloatingOnly}),
		}
		k.yields[r.Name] = kept
	}
	kept.round = k.round
	return kept.yield
}

// forget forgets what nobody asked for in this round.
func (k *Planner) forget() {
	for name, kept := range k.yields {
		if kept.round != k.round {
			delete(k.yields, name)
		}
	}
}
