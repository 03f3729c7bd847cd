package pin

import (
	"fmt"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// isEnabled reads a sync annotation; nil, it is not set and byDefault counts. A value that
// it does not take counts as enabled, the safe side, and is a problem.
func isEnabled(annotation *string, byDefault bool) (bool, *v1alpha1.Problem) {
	if annotation == nil {
		return byDefault, nil
	}
	switch *annotation {
	case v1alpha1.SyncEnabled:
		return true, nil
	case v1alpha1.SyncDisabled:
		return false, nil
	default:
		return true, &v1alpha1.Problem{
			Reason: v1alpha1.ReasonInvalidAnnotation,
			Field:  fmt.Sprintf("metadata.annotations[%s]", v1alpha1.SyncAnnotation),
			Message: fmt.Sprintf("%s is not a value of %s, want %s or %s; taken as %s", image.Quote(*annotation),
				v1alpha1.SyncAnnotation, v1alpha1.SyncEnabled, v1alpha1.SyncDisabled, v1alpha1.SyncEnabled),
		}
	}
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
		if problem != nil {
			problem.Object = "Namespace " + namespace.Name
			p.problems = append(p.problems, *problem)
		}
	}
	return p
}

// Protects reports whether a release is protected. It does not depend on its images.
func (p *Protector) Protects(r *Release) bool {
	protected, _ := p.protects(r)
	return protected
}

// protects also returns what is wrong with the release's own annotation.
func (p *Protector) protects(r *Release) (bool, *v1alpha1.Problem) {
	enabled, problem := p.enables(r)
	return enabled && (r.Suspended || p.alsoLive), problem
}

// enables reports whether a release is protected while it is suspended, and returns what is
// wrong with its own annotation.
func (p *Protector) enables(r *Release) (bool, *v1alpha1.Problem) {
	byDefault, ok := p.enabled[r.Namespace]
	if !ok {
		byDefault = p.byDefault
	}
	return isEnabled(r.Sync, byDefault)
}
