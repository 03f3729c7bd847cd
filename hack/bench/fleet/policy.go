package fleet

import (
	"fmt"
	"time"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// repositoryAndPolicy returns the application's ImageRepository and ImagePolicy, with their
// status.
func (a *App) repositoryAndPolicy() (*imagev1.ImageRepository, *imagev1.ImagePolicy) {
	namespace := fluxNamespace
	if a.index/10%5 > 2 {
		namespace = a.namespace
	}
	repository := &imagev1.ImageRepository{
		ObjectMeta: a.meta(namespace, a.name),
		Spec:       imagev1.ImageRepositorySpec{Image: a.image(), Interval: metav1.Duration{Duration: 5 * time.Minute}},
		Status: imagev1.ImageRepositoryStatus{
			ObservedGeneration: 1,
			CanonicalImageName: a.image(),
			Conditions:         []metav1.Condition{ready(fmt.Sprintf("successful scan: found 2 tags with checksum %s", hexOf(a.index, 10)))},
			LastScanResult: &imagev1.ScanResult{
				Revision: hexOf(a.index, 10), TagCount: 2, ScanTime: metav1.NewTime(start()), LatestTags: []string{a.latest(), a.tag()},
			},
		},
	}
	policy := &imagev1.ImagePolicy{
		ObjectMeta: a.meta(namespace, a.name),
		Spec: imagev1.ImagePolicySpec{
			ImageRepositoryRef:     meta.NamespacedObjectReference{Name: a.name},
			Policy:                 imagev1.ImagePolicyChoice{SemVer: &imagev1.SemVerPolicy{Range: ">=1.0.0"}},
			DigestReflectionPolicy: imagev1.ReflectIfNotPresent,
		},
		Status: imagev1.ImagePolicyStatus{
			ObservedGeneration: 1,
			LatestRef:          &imagev1.ImageRef{Name: a.image(), Tag: a.latest(), Digest: digestOf(a.index)},
			Conditions:         []metav1.Condition{ready(fmt.Sprintf("Latest image tag for %s resolved to %s", a.image(), a.latest()))},
		},
	}
	if !a.isReleased() {
		policy.Spec.FilterTags = &imagev1.TagFilter{Pattern: `^main-[a-f0-9]+-(?P<built>[0-9]+)$`, Extract: "$built"}
		policy.Spec.Policy = imagev1.ImagePolicyChoice{Numerical: &imagev1.NumericalPolicy{Order: "asc"}}
	}
	return repository, policy
}

func ready(message string) metav1.Condition {
	return metav1.Condition{
		Type: meta.ReadyCondition, Status: metav1.ConditionTrue, Reason: meta.SucceededReason, Message: message,
		ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(start()),
	}
}
