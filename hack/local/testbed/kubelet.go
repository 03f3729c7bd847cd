package testbed

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// kubeletInterval is how often the stand-in looks at the Pods, and tries again to pull images.
const kubeletInterval = 200 * time.Millisecond

// FailArgument is the argument with which a container exits with code 1.
const FailArgument = "fail"

// Kubelet is a stand-in for kubelets: it sets the status of Pods that no node runs. A Pod
// starts when the registry has all its images; those of other registries than Gitea cannot
// be pulled.
type Kubelet struct {
	// Stop ends it, and waits for its end.
	Stop func()

	client client.Client
	gitea  *local.Gitea
	// cordoned is set while no Pod starts.
	cordoned atomic.Bool
}

// StartKubelet starts a stand-in that pulls from Gitea. It runs until Stop.
func StartKubelet(ctx context.Context, c client.Client, gitea *local.Gitea) *Kubelet {
	k := &Kubelet{client: c, gitea: gitea}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(kubeletInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				k.sync(ctx)
			}
		}
	})
	k.Stop = func() {
		cancel()
		done.Wait()
	}
	return k
}

// sync starts the Pods that can be started. What fails is tried again the next time.
func (k *Kubelet) sync(ctx context.Context) {
	var pods corev1.PodList
	if k.cordoned.Load() || k.client.List(ctx, &pods) != nil {
		return
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodPending || isFailing(pod) {
			continue
		}
		pod.Status = k.statusOf(ctx, pod)
		_ = k.client.Status().Update(ctx, pod)
	}
}

// isFailing reports whether a Pod has a container that has exited with code 1.
func isFailing(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(status corev1.ContainerStatus) bool {
		return status.LastTerminationState.Terminated != nil
	})
}

// statusOf returns the status of a Pod that is started now.
func (k *Kubelet) statusOf(ctx context.Context, pod *corev1.Pod) corev1.PodStatus {
	now := metav1.Now()
	status := corev1.PodStatus{Phase: corev1.PodRunning, StartTime: cmp.Or(pod.Status.StartTime, &now)}
	exited := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: now, FinishedAt: now, Reason: "Completed"}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
	if pod.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		status.Phase, running = corev1.PodSucceeded, exited
	}
	for i := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, k.containerStatus(ctx, &pod.Spec.InitContainers[i], exited, &status))
	}
	for i := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, k.containerStatus(ctx, &pod.Spec.Containers[i], running, &status))
	}
	if status.Phase == corev1.PodRunning {
		for _, condition := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
			status.Conditions = append(status.Conditions, corev1.PodCondition{Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: now})
		}
	}
	return status
}

// containerStatus returns the status of a container, which gets into a state unless its image
// cannot be pulled, one before it waits, or it fails. Then the Pod stays pending.
func (k *Kubelet) containerStatus(ctx context.Context, c *corev1.Container, state corev1.ContainerState, pod *corev1.PodStatus) corev1.ContainerStatus {
	status := corev1.ContainerStatus{Name: c.Name, Image: c.Image}
	digest, err := pull(ctx, k.gitea, c.Image)
	switch {
	case pod.Phase == corev1.PodPending:
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
	case err != nil:
		pod.Phase = corev1.PodPending
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: err.Error()}
	case slices.Contains(c.Args, FailArgument):
		pod.Phase = corev1.PodPending
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}
	default:
		status.State, status.Ready = state, true
		status.ImageID = strings.SplitN(c.Image, "@", 2)[0] + "@" + digest
	}
	return status
}

// Cordon keeps Pods from starting until Uncordon.
func (k *Kubelet) Cordon() { k.cordoned.Store(true) }

// Uncordon lets Pods start again.
func (k *Kubelet) Uncordon() { k.cordoned.Store(false) }
