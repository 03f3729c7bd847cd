package convert

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// Ready counts only at the current generation, as both the condition and the status have it.
func TestIsReady(t *testing.T) {
	for name, test := range map[string]struct {
		status              metav1.ConditionStatus
		condition, observed int64
		want                bool
	}{
		"ready":                           {metav1.ConditionTrue, 2, 2, true},
		"ready, status a step behind":     {metav1.ConditionTrue, 2, 1, false},
		"from before the suspension":      {metav1.ConditionTrue, 1, 2, false},
		"condition without a generation":  {metav1.ConditionTrue, 0, 2, true},
		"neither":                         {metav1.ConditionTrue, 0, 1, false},
		"not ready":                       {metav1.ConditionFalse, 2, 2, false},
		"unknown":                         {metav1.ConditionUnknown, 2, 2, false},
		"from a generation that is later": {metav1.ConditionTrue, 3, 3, false},
	} {
		release := &flux.HelmRelease{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
		release.Status.ObservedGeneration = test.observed
		release.Status.Conditions = flux.Conditions{
			{Type: "Released", Status: metav1.ConditionTrue, ObservedGeneration: 2},
			{Type: "Ready", Status: test.status, ObservedGeneration: test.condition},
		}
		if got := IsReady(release); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if IsReady(&flux.HelmRelease{}) {
		t.Error("a release without conditions is ready")
	}
}

func runningPod(image string) corev1.Pod {
	return corev1.Pod{
		Spec:   corev1.PodSpec{Containers: []corev1.Container{{Image: image}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
}

// imageVolume is a volume with what an image has.
func imageVolume(name, image string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: image}}}
}

func TestPod(t *testing.T) {
	const digest = "@sha256:0123456789012345678901234567890123456789012345678901234567890123"
	now, yes := metav1.Now(), true
	for name, test := range map[string]struct {
		pod  corev1.Pod
		want string
	}{
		"running": {corev1.Pod{
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Image: "g.io/o/init:1"}},
				Containers:     []corev1.Container{{Image: "G.io:443/o/web:V1"}, {Image: "nginx"}, {Image: "no image"}},
			},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		}, "g.io/o/init:1 g.io/o/web:V1 docker.io/library/nginx:latest"},
		"tag and digest": {runningPod("g.io/o/web:1" + digest), "g.io/o/web:1"},
		"digest alone":   {runningPod("g.io/o/web" + digest), ""},
		"not started": {corev1.Pod{
			Spec:   corev1.PodSpec{Containers: []corev1.Container{{Image: "g.io/o/web:1"}}},
			Status: corev1.PodStatus{Phase: corev1.PodPending},
		}, ""},
		"one has started": {corev1.Pod{
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: "done", Image: "g.io/o/done:1"}, {Name: "failed", Image: "g.io/o/failed:1"}},
				Containers:     []corev1.Container{{Name: "up", Image: "g.io/o/up:1"}, {Name: "waiting", Image: "g.io/o/waiting:1"}},
			},
			Status: corev1.PodStatus{
				Phase: corev1.PodRunning,
				InitContainerStatuses: []corev1.ContainerStatus{
					{Name: "done", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}},
					{Name: "failed", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}},
				},
				ContainerStatuses: []corev1.ContainerStatus{
					{Name: "up", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
					{Name: "waiting", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}},
				},
			},
		}, "g.io/o/done:1 g.io/o/up:1"},
		"with volumes": {corev1.Pod{
			Spec: corev1.PodSpec{
				Containers: []corev1.Container{
					{Name: "up", Image: "g.io/o/up:1", VolumeMounts: []corev1.VolumeMount{{Name: "model"}, {Name: "scratch"}}},
					{Name: "waiting", Image: "g.io/o/waiting:1", VolumeMounts: []corev1.VolumeMount{{Name: "pulling"}}},
				},
				Volumes: []corev1.Volume{
					{Name: "scratch"}, imageVolume("model", "g.io/o/model:1"), imageVolume("pulling", "g.io/o/pulling:1"), imageVolume("unused", "g.io/o/unused:1"),
				},
			},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
				{Name: "up", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
				{Name: "waiting", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerError"}}},
			}},
		}, "g.io/o/up:1 g.io/o/model:1"},
		"of a job": {corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Controller: &yes}}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Image: "g.io/o/web:1"}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning},
		}, ""},
		"ended": {corev1.Pod{
			Spec:   corev1.PodSpec{Containers: []corev1.Container{{Image: "g.io/o/web:1"}}},
			Status: corev1.PodStatus{Phase: corev1.PodSucceeded},
		}, ""},
		"failed": {corev1.Pod{
			Spec:   corev1.PodSpec{Containers: []corev1.Container{{Image: "g.io/o/web:1"}}},
			Status: corev1.PodStatus{Phase: corev1.PodFailed},
		}, ""},
		"being deleted": {corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Image: "g.io/o/web:1"}}},
		}, ""},
	} {
		pod, _, counts := Pod(&test.pod)
		var images []string
		for _, ref := range pod.Images {
			images = append(images, ref.String())
		}
		if got := strings.Join(images, " "); got != test.want || counts != (got != "") {
			t.Errorf("%s: got %q, counts %t; want %q", name, got, counts, test.want)
		}
	}
}
