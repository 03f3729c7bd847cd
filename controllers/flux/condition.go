package flux

import (
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Condition is one of the conditions in an object's status.
type Condition struct {
	Type               string                 `json:"type"`
	Status             metav1.ConditionStatus `json:"status"`
	ObservedGeneration int64                  `json:"observedGeneration,omitempty"`
	Reason             string                 `json:"reason"`
	Message            string                 `json:"message"`
}

// Conditions are those of an object.
type Conditions []Condition

// Ready returns the Ready condition; nil, Flux has not set it yet.
func (c Conditions) Ready() *Condition {
	i := slices.IndexFunc(c, func(c Condition) bool { return c.Type == meta.ReadyCondition })
	if i < 0 {
		return nil
	}
	return &c[i]
}
