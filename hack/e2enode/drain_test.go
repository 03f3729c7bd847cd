//go:build e2enode && linux

package e2enode

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// refusesEviction checks that the PodDisruptionBudget protects a Pod.
func (w *world) refusesEviction(pod string) {
	w.t.Helper()
	err := w.clients.PolicyV1().Evictions(testbed.OwnNamespace).Evict(w.t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: testbed.OwnNamespace, Name: pod}})
	if !apierrors.IsTooManyRequests(err) {
		w.t.Errorf("the eviction of %s: %v, want that the PodDisruptionBudget refuses it", pod, err)
	}
}

// A drain of the only node evicts one Pod. The other stays, and writes the list, until the
// first runs again: here, when the node takes Pods again.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	w.suspendNew("before")
	before := w.controllers(t)
	drained := make(chan error, 1)
	go func() {
		_, err := w.plane.Kubectl(t.Context(), "drain", local.NodeName, "--pod-selector", "app.kubernetes.io/name=pinsync")
		drained <- err
	}()
	labels := client.MatchingLabels{"app.kubernetes.io/name": "pinsync"}
	pods := w.awaitPods(t, testbed.OwnNamespace, labels, "are one that is ready and one that waits for a node", func(pods []corev1.Pod) bool {
		waits := func(pod corev1.Pod) bool { return pod.Spec.NodeName == "" }
		stays := func(pod corev1.Pod) bool { return isReady(&pod) }
		return len(pods) == replicas && slices.ContainsFunc(pods, waits) && slices.ContainsFunc(pods, stays)
	})
	for i := range pods {
		if isReady(&pods[i]) {
			w.refusesEviction(pods[i].Name)
		}
	}
	w.suspendNew("meanwhile")
	select {
	case err := <-drained:
		t.Fatalf("the drain did not wait for the second Pod: %v", err)
	default:
	}
	w.kubectl("uncordon", local.NodeName)
	localtest.Must(t, <-drained)
	for _, pod := range w.controllers(t) {
		if slices.ContainsFunc(before, func(old corev1.Pod) bool { return old.UID == pod.UID }) {
			t.Errorf("%s was not evicted", pod.Name)
		}
	}
	w.suspendNew("after")
	w.lists(w.pin("before"), w.pin("meanwhile"))
}
