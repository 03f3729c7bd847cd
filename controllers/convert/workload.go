package convert

import (
	"encoding/json"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Workload is an object that runs pods, or that has what one ran before.
type Workload struct {
	UID types.UID
	// Owner is the object that it belongs to: a ReplicaSet's Deployment, a ControllerRevision's set;
	// empty, there is none.
	Owner types.UID
	// Release is the HelmRelease whose chart has it; empty where its labels do not name one.
	Release object.Name
	// IsJob is set if its pods end by themselves.
	IsJob bool
	// Images are those of its containers, init containers and volumes.
	Images []image.Reference
}

// WorkloadOf converts an object that runs pods, or a ControllerRevision, and reports whether it is one of
// a known kind. Kubernetes keeps the old pod templates of StatefulSets and DaemonSets in
// ControllerRevisions, as patches; what others keep in them is none.
func WorkloadOf(o metav1.Object) (w Workload, ok bool) {
	spec, isJob := podSpecOf(o)
	if spec == nil {
		return w, false
	}
	return Workload{UID: o.GetUID(), Owner: controllerOf(o), Release: releaseOf(o), IsJob: isJob, Images: imagesOf(spec)}, true
}

// podSpecOf returns the spec of the pods that an object runs or ran, and reports whether these end by
// themselves; nil, there is none.
func podSpecOf(o metav1.Object) (spec *corev1.PodSpec, isJob bool) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec, false
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec, false
	case *appsv1.DaemonSet:
		return &o.Spec.Template.Spec, false
	case *appsv1.ReplicaSet:
		return &o.Spec.Template.Spec, false
	case *batchv1.Job:
		return &o.Spec.Template.Spec, true
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template.Spec, true
	case *appsv1.ControllerRevision:
		var patch appsv1.StatefulSet // a DaemonSet has its template at the same place
		if json.Unmarshal(o.Data.Raw, &patch) == nil {
			return &patch.Spec.Template.Spec, false
		}
	}
	return nil, false
}

// imagesOf returns the images of the containers, init containers and volumes of pods.
func imagesOf(spec *corev1.PodSpec) (images []image.Reference) {
	add := func(name string) {
		if ref, ok := imageOf(name); ok && len(images) < maxImages && !slices.Contains(images, ref) {
			images = append(images, ref)
		}
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			add(containers[i].Image)
		}
	}
	for i := range spec.Volumes {
		if source := spec.Volumes[i].Image; source != nil {
			add(source.Reference)
		}
	}
	return images
}

// maxImages is how many images of one workload count: people's pods have some twenty containers.
const maxImages = 200

// controllerOf returns the uid of the object that controls another; empty, there is none.
func controllerOf(o metav1.Object) types.UID {
	if owner := metav1.GetControllerOfNoCopy(o); owner != nil {
		return owner.UID
	}
	return ""
}

// releaseOf returns the HelmRelease that helm-controller has installed an object for, by the
// labels that it sets; empty, it did not.
func releaseOf(o metav1.Object) object.Name {
	labels := o.GetLabels()
	return object.Name{Namespace: labels[releaseNamespaceLabel], Name: labels[releaseNameLabel]}
}

const (
	releaseNameLabel      = "helm.toolkit.fluxcd.io/name"
	releaseNamespaceLabel = "helm.toolkit.fluxcd.io/namespace"
)

// imageOf returns the tag that the image of a container or volume names, and reports whether it names one.
// The API server takes any text.
func imageOf(name string) (ref image.Reference, ok bool) {
	ref, err := image.Parse(name)
	if err != nil {
		return ref, false
	}
	if ref.Tag == "" && ref.Digest == "" {
		ref.Tag = image.DefaultTag
	}
	ref.Digest = ""
	return ref, ref.Tag != ""
}
