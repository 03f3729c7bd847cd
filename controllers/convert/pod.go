package convert

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Pod converts a Pod, and reports whether it counts: one that has ended or is being deleted
// does not, nor one of a Job, which ends soon, nor one that has started no container with a tag.
// If its labels do not name the HelmRelease that it belongs to, its owner may.
func Pod(o *corev1.Pod) (pod pin.Pod, owner types.UID, ok bool) {
	controller := metav1.GetControllerOfNoCopy(o)
	switch {
	case o.Status.Phase == corev1.PodSucceeded, o.Status.Phase == corev1.PodFailed, o.DeletionTimestamp != nil,
		controller != nil && controller.Kind == "Job" && controller.APIVersion == batchv1.SchemeGroupVersion.String():
		return pin.Pod{}, "", false
	}
	pod = pin.Pod{UID: string(o.UID), Release: releaseOf(o)}
	addStarted(&pod, o, o.Spec.InitContainers, o.Status.InitContainerStatuses)
	addStarted(&pod, o, o.Spec.Containers, o.Status.ContainerStatuses)
	return pod, controllerOf(o), len(pod.Images) > 0
}

// addStarted adds the images of the containers that run, of those init containers that have done what
// they are for, and of the volumes that these mount. A container whose image, or that of such a volume,
// could not be pulled has not started.
func addStarted(pod *pin.Pod, o *corev1.Pod, containers []corev1.Container, statuses []corev1.ContainerStatus) {
	started := make(map[string]bool, len(statuses))
	for i := range statuses {
		state := &statuses[i].State
		started[statuses[i].Name] = state.Running != nil || state.Terminated != nil && state.Terminated.ExitCode == 0
	}
	volumes := imageVolumes(o.Spec.Volumes)
	add := func(name string) {
		if ref, ok := imageOf(name); ok {
			pod.Images = append(pod.Images, ref)
		}
	}
	for i := range containers {
		hasStarted, isKnown := started[containers[i].Name]
		if !hasStarted && (isKnown || o.Status.Phase != corev1.PodRunning) {
			continue
		}
		add(containers[i].Image)
		for j := range containers[i].VolumeMounts {
			if name, ok := volumes[containers[i].VolumeMounts[j].Name]; ok {
				add(name)
			}
		}
	}
}

// imageVolumes returns the images of volumes, by the volumes' names.
func imageVolumes(volumes []corev1.Volume) map[string]string {
	images := map[string]string{}
	for i := range volumes {
		if source := volumes[i].Image; source != nil {
			images[volumes[i].Name] = source.Reference
		}
	}
	return images
}
