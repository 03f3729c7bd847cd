package link

import (
	"slices"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// cost is what a namespace has cost, in steps of regular expressions.
type cost struct {
	// asking is what the tags of its releases took with the policies that they rely on, and foreign what
	// they took with others, by namespace. asked is what its policies took with releases that do not
	// rely on them, and read what finding the tags took that they name.
	asking, asked, read int
	foreign             map[string]int
}

// costs are those of the namespaces.
type costs map[string]*cost

func (c costs) of(namespace string) *cost {
	known, ok := c[namespace]
	if !ok {
		known = &cost{foreign: map[string]int{}}
		c[namespace] = known
	}
	return known
}

// Refill gives each namespace a part of what it has cost back: it is called for every plan.
func (l *Linker) Refill() {
	for _, c := range l.costs {
		c.asking = max(0, c.asking-budget.StepsPerPlan)
		for namespace, steps := range c.foreign {
			c.foreign[namespace] = max(0, steps-budget.StepsPerPlan)
		}
		c.asked = max(0, c.asked-budget.StepsPerPlan)
		c.read = max(0, c.read-budget.StepsPerPlan)
	}
}

// Accepts reports whether a policy accepts a tag of a release, or has resolved to it. Beyond
// the budget no policy does: of the release's namespace, which s.IsOver tells, and for policies on
// which the release does not rely that of both namespaces together, and that which others have left of
// what those policies have, if it needs more than a little.
func (l *Linker) Accepts(c *Candidate, tag string, s *Subject) bool {
	return l.take(c, c.steps(tag), s) && c.accepts(tag)
}

// take takes steps with a policy, and reports whether the budget suffices.
func (l *Linker) take(c *Candidate, steps int, s *Subject) bool {
	asking := l.costs.of(s.Namespace)
	if s.trusts(c) {
		s.IsOver = s.IsOver || asking.asking+steps > budget.Steps
		asking.asking += steps
		return !s.IsOver
	}
	taken := asking.foreign[c.Namespace] + steps
	if taken > budget.ForeignSteps || taken > budget.FreeForeignSteps && c.cost.asked+steps > budget.Steps {
		return false
	}
	asking.foreign[c.Namespace] += steps
	c.cost.asked += steps
	return true
}

func (s *Subject) trusts(c *Candidate) bool { return slices.Contains(s.Trusted, c.Namespace) }

// stepsPerCandidate is how many steps it takes to go through a candidate.
const stepsPerCandidate = 25

// accepting returns those of the candidates of a namespace that accept a tag; none without one, and
// all where they are too many to be asked. The list is not whole if the budget did not suffice for some.
func (l *Linker) accepting(s *Subject, candidates []*Candidate, tag string) (list []*Candidate, isWhole bool) {
	if len(candidates) > budget.Policies {
		if !l.take(candidates[0], len(candidates)*stepsPerCandidate, s) {
			return nil, false
		}
		if tag != "" {
			return candidates, true
		}
	}
	isWhole = true
	for _, c := range candidates {
		switch {
		case tag == "":
		case !l.take(c, c.steps(tag), s):
			isWhole = false
		case c.accepts(tag):
			list = append(list, c)
		}
	}
	return list, isWhole
}
