//go:build e2enode && linux

package e2enode

import (
	"strings"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// pinsync is upgraded while a release is suspended. When that is resumed, it is live when a Pod
// of it runs on the node: not while its new image cannot be pulled. Its tags stay in the list until
// then, and are removed after the grace.
func TestResumeAfterUpgrade(t *testing.T) {
	w := newWorld(t)
	w.push("1")
	release := w.newRelease("app", "1", false)
	// Helm must not give up before kubelet tries again to pull: a failed release is not live.
	release.Spec.Timeout = &metav1.Duration{Duration: 10 * time.Minute}
	localtest.Must(t, w.client.Create(t.Context(), release))
	w.runs("1")

	w.Needs(w.pin("1"))
	w.changeRelease("app", func(release *helmv2.HelmRelease) { release.Spec.Suspend = true })
	w.lists(w.pin("1"))
	w.upgrade("hold: {grace: 5s}")
	w.kubectl("-n", w.namespace, "scale", "deployment/app", "--replicas=0")
	w.awaitApp("do not exist", func(pods []corev1.Pod) bool { return len(pods) == 0 })

	w.Needs(w.pin("2"))
	w.changeRelease("app", func(release *helmv2.HelmRelease) { release.Spec.Values = w.values("2") })
	w.lists(w.pin("1"), w.pin("2"))
	w.changeRelease("app", func(release *helmv2.HelmRelease) { release.Spec.Suspend = false })
	w.awaitApp("cannot pull the image", func(pods []corev1.Pod) bool {
		for i := range pods {
			for _, container := range pods[i].Status.ContainerStatuses {
				if container.State.Waiting != nil && strings.Contains(container.State.Waiting.Reason, "ImagePull") {
					return true
				}
			}
		}
		return false
	})
	w.lists(w.pin("1"), w.pin("2"))

	w.MayRemove(w.pin("1"), w.pin("2"))
	w.push("2")
	w.runs("2")
	w.removes(w.pin("1"), w.pin("2"))
}

// runs waits until a Pod of the release runs a tag of the test's image.
func (w *world) runs(tag string) {
	w.t.Helper()
	w.awaitApp("run "+w.image(tag), func(pods []corev1.Pod) bool {
		return len(pods) == 1 && isReady(&pods[0]) && pods[0].Spec.Containers[0].Image == w.image(tag)
	})
}

func (w *world) awaitApp(want string, met func([]corev1.Pod) bool) {
	w.t.Helper()
	w.awaitPods(w.t, w.namespace, client.MatchingLabels{"app": "app"}, want, met)
}
