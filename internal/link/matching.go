package link

import (
	"slices"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// cost is what a namespace has cost, in steps of regular expressions.
type cost struct {
	// asking is what the tags of its releases took with the policies that they rely on, foreign what
	// they took with others, and asked what its policies took with releases that do not rely on
	// them, and with the tags that they name.
	asking, foreign, asked int
}

// costs are those of the namespaces.
type costs map[string]*cost

func (c costs) of(namespace string) *cost {
	known, ok := c[namespace]
	if !ok {
		known = &cost{}
		c[namespace] = known
	}
	return known
}

// Refill gives each namespace a part of what it has cost back: it is called for every plan.
func (l *Linker) Refill() {
	for _, c := range l.costs {
		c.asking = max(0, c.asking-budget.StepsPerPlan)
		c.foreign = max(0, c.foreign-budget.StepsPerPlan)
		c.asked = max(0, c.asked-budget.StepsPerPlan)
	}
}

// Accepts reports whether a policy accepts a tag of a release, as Candidate.Accepts does. Beyond
// the budget no policy does: of the release's namespace, which s.IsOver tells, and for policies on
// which the release does not rely that of both namespaces, so that nobody takes anything from the
// others.
func (l *Linker) Accepts(c *Candidate, tag string, s *Subject) bool {
	asking, steps := l.costs.of(s.Namespace), c.steps(tag)
	if s.trusts(c) {
		if s.IsOver = s.IsOver || asking.asking+steps > budget.Steps; s.IsOver {
			return false
		}
		asking.asking += steps
		return c.accepts(tag)
	}
	if asking.foreign+steps > budget.ForeignSteps || c.cost.asked+steps > budget.Steps {
		return false
	}
	asking.foreign += steps
	c.cost.asked += steps
	return c.accepts(tag)
}

func (s *Subject) trusts(c *Candidate) bool { return slices.Contains(s.Trusted, c.Namespace) }

// accepting returns those of the candidates that accept a tag; none without one, and all where they
// are too many to be asked.
func (l *Linker) accepting(s *Subject, candidates []*Candidate, tag string) []*Candidate {
	if tag != "" && len(candidates) > budget.Policies {
		return candidates
	}
	var list []*Candidate
	for _, c := range candidates {
		if tag != "" && l.Accepts(c, tag, s) {
			list = append(list, c)
		}
	}
	return list
}
