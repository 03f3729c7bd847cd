// Package convert turns Flux's objects into what the pins are planned from.
package convert

import (
	"cmp"
	"path"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// Namespace converts a Namespace; its metadata is enough.
func Namespace(o metav1.Object) pin.Namespace {
	return pin.Namespace{Name: o.GetName(), UID: string(o.GetUID()), Sync: syncOf(o)}
}

// Release converts a HelmRelease, without its images.
func Release(o *flux.HelmRelease) pin.Release {
	return pin.Release{
		ID:        object.ID{Kind: helmv2.HelmReleaseKind, Name: nameOf(o)},
		Suspended: o.Spec.Suspend, Ready: IsReady(o), Sync: syncOf(o),
		TargetNamespace: cmp.Or(o.Spec.TargetNamespace, o.Namespace), RemoteCluster: o.Spec.KubeConfig != nil,
		Inputs: pin.Inputs{
			ReleaseName: o.Spec.ReleaseName, Chart: chartOf(&o.Spec), Policies: o.Annotations[v1alpha1.ImagePoliciesAnnotation],
		},
	}
}

// IsReady reports whether a HelmRelease's Ready condition is true at its current
// generation. The status' own observedGeneration does not show it: it is updated for a
// suspended release, too, whose conditions stay as they were. It counts where the
// condition's own, which is optional, is missing.
func IsReady(o *flux.HelmRelease) bool {
	ready := o.Status.Conditions.Ready()
	return ready != nil && ready.Status == metav1.ConditionTrue &&
		cmp.Or(ready.ObservedGeneration, o.Status.ObservedGeneration) == o.Generation
}

// chartOf returns the last part of the name of a release's chart, or of the
// object that it comes from.
func chartOf(spec *flux.HelmReleaseSpec) string {
	switch {
	case spec.ChartRef != nil:
		return spec.ChartRef.Name
	case spec.Chart != nil:
		return path.Base(spec.Chart.Spec.Chart)
	default:
		return ""
	}
}

// Policy converts an ImagePolicy.
func Policy(o *flux.ImagePolicy) link.Policy {
	p := link.Policy{Name: nameOf(o), Repository: object.Name{
		Namespace: o.Spec.ImageRepositoryRef.Namespace,
		Name:      o.Spec.ImageRepositoryRef.Name,
	}}
	if p.Repository.Namespace == "" {
		p.Repository.Namespace = o.Namespace
	}
	p.Rules = rulesOf(&o.Spec)
	if latest := o.Status.LatestRef; latest != nil {
		p.LatestImage, p.LatestTag = latest.Name, latest.Tag
	}
	if ready := o.Status.Conditions.Ready(); ready != nil && ready.Status == metav1.ConditionFalse {
		p.NotReady = ready.Message
		if p.NotReady == "" {
			p.NotReady = ready.Reason
		}
	}
	return p
}

// Repository converts an ImageRepository.
func Repository(o *flux.ImageRepository) link.Repository {
	return link.Repository{Name: nameOf(o), Image: o.Spec.Image}
}

func rulesOf(spec *flux.ImagePolicySpec) policy.Rules {
	var rules policy.Rules
	if spec.FilterTags != nil {
		rules.Pattern, rules.Extract = spec.FilterTags.Pattern, spec.FilterTags.Extract
	}
	if spec.Policy.SemVer != nil {
		rules.SemVer = spec.Policy.SemVer.Range
	}
	rules.Numerical = spec.Policy.Numerical != nil
	return rules
}

func nameOf(o metav1.Object) object.Name {
	return object.Name{Namespace: o.GetNamespace(), Name: o.GetName()}
}

func syncOf(o metav1.Object) *string {
	value, ok := o.GetAnnotations()[v1alpha1.SyncAnnotation]
	if !ok {
		return nil
	}
	return &value
}
