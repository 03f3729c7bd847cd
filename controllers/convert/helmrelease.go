package convert

import (
	"cmp"
	"fmt"
	"path"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Release converts a HelmRelease, without its images.
func Release(o *flux.HelmRelease) pin.Release {
	return pin.Release{
		ID:        object.ID{Kind: helmv2.HelmReleaseKind, Name: nameOf(o)},
		Revision:  RevisionOf(o),
		Suspended: o.Spec.Suspend, HasRun: o.Generation > 1 || len(o.Status.Conditions) > 0, Ready: IsReady(o), Sync: syncOf(o),
		TargetNamespace: cmp.Or(o.Spec.TargetNamespace, o.Namespace), RemoteCluster: o.Spec.KubeConfig != nil,
		UnknownAnnotations: unknownAnnotations(o, v1alpha1.SyncAnnotation, v1alpha1.ImagePoliciesAnnotation),
		Inputs: pin.Inputs{
			ReleaseName: o.Spec.ReleaseName, Chart: chartOf(&o.Spec), Policies: o.Annotations[v1alpha1.ImagePoliciesAnnotation],
			SourceNamespace: sourceNamespaceOf(&o.Spec), AppliedFrom: o.Labels[appliedFromLabel],
		},
	}
}

// RevisionOf returns what changes with the spec of an object, and when it is made again.
func RevisionOf(o metav1.Object) string { return fmt.Sprint(o.GetUID(), "/", o.GetGeneration()) }

// IsReady reports whether a HelmRelease's Ready condition is true at its current generation, and so is its status.
// Neither shows it alone: that of the status is updated for a suspended release, too, whose conditions stay as they
// were, and that of the condition, which is optional, can be advanced when helm-controller resolves a conflict.
func IsReady(o *flux.HelmRelease) bool {
	ready := o.Status.Conditions.Ready()
	return ready != nil && ready.Status == metav1.ConditionTrue &&
		o.Status.ObservedGeneration == o.Generation && !isLater(o.Generation, ready.ObservedGeneration)
}

// appliedFromLabel has the namespace of the Kustomization that has applied an object: set by
// kustomize-controller.
const appliedFromLabel = "kustomize.toolkit.fluxcd.io/namespace"

// sourceNamespaceOf returns the namespace that a release takes its chart from; empty, its own.
func sourceNamespaceOf(spec *flux.HelmReleaseSpec) string {
	switch {
	case spec.ChartRef != nil:
		return spec.ChartRef.Namespace
	case spec.Chart != nil:
		return spec.Chart.Spec.SourceRef.Namespace
	default:
		return ""
	}
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
