package pin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// isEnabled reads a sync annotation; nil, it is not set and byDefault counts. A value that
// it does not take counts as enabled, the safe side, and is a problem.
func isEnabled(annotation *string, byDefault bool) (bool, v1alpha1.Problem) {
	if annotation == nil {
		return byDefault, v1alpha1.Problem{}
	}
	switch *annotation {
	case v1alpha1.SyncEnabled:
		return true, v1alpha1.Problem{}
	case v1alpha1.SyncDisabled:
		return false, v1alpha1.Problem{}
	default:
		return true, v1alpha1.Problem{
			Reason: v1alpha1.ReasonInvalidAnnotation,
			Field:  fmt.Sprintf("metadata.annotations[%s]", v1alpha1.SyncAnnotation),
			Message: fmt.Sprintf("%s is not a value of %s, want %s or %s; taken as %s", image.Quote(*annotation),
				v1alpha1.SyncAnnotation, v1alpha1.SyncEnabled, v1alpha1.SyncDisabled, v1alpha1.SyncEnabled),
		}
	}
}

// withUnknown adds to what is wrong with an object's annotation, if anything is, the names of others that
// pinsync does not have: one of them may be meant to protect it.
func withUnknown(problem v1alpha1.Problem, names, kind string, known ...string) v1alpha1.Problem {
	if names == "" {
		return problem
	}
	message := fmt.Sprintf("there is no annotation %s for a %s: known are %s", names, kind, strings.Join(known, ", "))
	if problem == (v1alpha1.Problem{}) {
		return v1alpha1.Problem{Reason: v1alpha1.ReasonInvalidAnnotation, Field: "metadata.annotations", Message: message}
	}
	problem.Message += "; " + message
	return problem
}

// Protector decides which releases are protected.
type Protector struct {
	enabled             map[string]bool
	byDefault, alsoLive bool
	problems            []v1alpha1.Problem
}

// NewProtector reads the sync annotations of all namespaces.
func NewProtector(namespaces []Namespace, o Options) *Protector {
	p := &Protector{enabled: make(map[string]bool, len(namespaces)), byDefault: !o.NamespacesDisabled, alsoLive: o.ProtectLive}
	for _, namespace := range namespaces {
		enabled, problem := isEnabled(namespace.Sync, p.byDefault)
		p.enabled[namespace.Name] = enabled
		problem = withUnknown(problem, namespace.UnknownAnnotations, "Namespace", v1alpha1.SyncAnnotation)
		if problem != (v1alpha1.Problem{}) {
			problem.Object = "Namespace " + namespace.Name
			p.problems = append(p.problems, problem)
		}
	}
	return p
}

// Protects reports whether a release is protected. It does not depend on its images.
func (p *Protector) Protects(r *Release) bool {
	protected, _ := p.protects(r)
	return protected
}

// protects also returns what is wrong with the release's own annotations.
func (p *Protector) protects(r *Release) (bool, v1alpha1.Problem) {
	enabled, problem := p.enables(r)
	problem = withUnknown(problem, r.UnknownAnnotations, r.Kind, v1alpha1.SyncAnnotation, v1alpha1.ImagePoliciesAnnotation)
	return enabled && (r.Suspended || p.alsoLive), problem
}

// Overlooked returns the problems of releases that are not protected, and have annotations that pinsync does
// not have: of each namespace that of the first, so that nobody can fill the report.
func (p *Protector) Overlooked(releases []*Release) []v1alpha1.Problem {
	first, count := map[string]*Release{}, map[string]int{}
	for _, r := range releases {
		if r.UnknownAnnotations == "" || !r.Suspended && !p.alsoLive || p.Protects(r) {
			continue
		}
		count[r.Namespace]++
		if other := first[r.Namespace]; other == nil || r.Name.Name < other.Name.Name {
			first[r.Namespace] = r
		}
	}
	var problems []v1alpha1.Problem
	for _, namespace := range slices.Sorted(maps.Keys(first)) {
		r := first[namespace]
		_, problem := p.protects(r)
		problem.Object = r.Kind + " " + r.Name.String()
		problem.Message += "; the release is not protected"
		if more := count[namespace] - 1; more > 0 {
			problem.Message += fmt.Sprintf(" (more in its namespace: %d)", more)
		}
		problems = append(problems, problem)
	}
	return problems
}

// enables reports whether a release is protected while it is suspended, and returns what is
// wrong with its own annotation.
func (p *Protector) enables(r *Release) (bool, v1alpha1.Problem) {
	byDefault, ok := p.enabled[r.Namespace]
	if !ok {
		byDefault = p.byDefault
	}
	return isEnabled(r.Sync, byDefault)
}
