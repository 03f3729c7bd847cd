package pin

import "git.oleks.space/oleks/pinsync/api/v1alpha1"

// MayMissTag reports whether a problem of a release means that a tag that it needs may not
// be known.
func MayMissTag(p v1alpha1.Problem) bool {
	switch p.Reason {
	case v1alpha1.ReasonNoPin, v1alpha1.ReasonInvalidValues, v1alpha1.ReasonOverBudget, v1alpha1.ReasonValuesNotRead, v1alpha1.ReasonNoTag,
		v1alpha1.ReasonNoRepository, v1alpha1.ReasonInvalidReference, v1alpha1.ReasonPolicyNotFound,
		v1alpha1.ReasonPolicyUnresolved, v1alpha1.ReasonChartNotRead, v1alpha1.ReasonChartNotRendered, v1alpha1.ReasonRanUnknown:
		return true
	default:
		return false
	}
}
