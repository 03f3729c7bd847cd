package convert

import (
	corev1 "k8s.io/api/core/v1"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Pod converts a Pod, and reports whether it counts: one that has ended or is being deleted
// does not, nor one that runs no tag.
func Pod(o *corev1.Pod) (pin.Pod, bool) {
	if o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed || o.DeletionTimestamp != nil {
		return pin.Pod{}, false
	}
	pod := pin.Pod{UID: string(o.UID)}
	for _, containers := range [][]corev1.Container{o.Spec.InitContainers, o.Spec.Containers} {
		for i := range containers {
			ref, err := image.Parse(containers[i].Image)
			if err != nil {
				continue // the API server takes any text
			}
			if ref.Tag == "" && ref.Digest == "" {
				ref.Tag = image.DefaultTag
			}
			if ref.Digest = ""; ref.Tag != "" {
				pod.Images = append(pod.Images, ref)
			}
		}
	}
	return pod, len(pod.Images) > 0
}
