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
	policies     []Policy
	repositories []Repository
	linker       *linker

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
	byName := func(a, b Policy) int { return compareNames(a.Name, b.Name) }
	policies := slices.SortedFunc(slices.Values(s.Policies), byName)
	repositories := slices.SortedFunc(slices.Values(s.Repositories), func(a, b Repository) int { return compareNames(a.Name, b.Name) })
	if k.linker == nil || !slices.Equal(policies, k.policies) || !slices.Equal(repositories, k.repositories) {
		k.policies, k.repositories = policies, repositories
		k.linker = newLinker(policies, repositories)
		clear(k.yields)
	}
	k.round++
	return newPlanner(s, k)
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
