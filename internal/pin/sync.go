package pin

import (
	"fmt"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// isEnabled reads a sync annotation; nil, it is not there and byDefault holds. A
// value that it does not take is enabled, the safe side, and a problem.
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
			Message: fmt.Sprintf("%q is not a value of %s, want %s or %s; taken as %s", *annotation,
				v1alpha1.SyncAnnotation, v1alpha1.SyncEnabled, v1alpha1.SyncDisabled, v1alpha1.SyncEnabled),
		}
	}
}

// namespaces reads the sync annotations of all namespaces: whether each that has
// one is enabled, and what is wrong with them.
func namespaces(list []Namespace, byDefault bool) (map[string]bool, []v1alpha1.Problem) {
	enabled := make(map[string]bool, len(list))
	var problems []v1alpha1.Problem
	for _, namespace := range list {
		on, problem := isEnabled(namespace.Sync, byDefault)
		enabled[namespace.Name] = on
		if problem != nil {
			problem.Object = "Namespace " + namespace.Name
			problems = append(problems, *problem)
		}
	}
	return enabled, problems
}
