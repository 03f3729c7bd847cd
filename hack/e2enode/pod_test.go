//go:build e2enode && linux

package e2enode

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// replicas is how many Pods config/default has.
const replicas = 2

// controllers waits until all of pinsync's Pods are ready, and returns them.
func (c *cluster) controllers(t *testing.T) []corev1.Pod {
	t.Helper()
	return c.awaitPods(t, testbed.OwnNamespace, client.MatchingLabels{"app.kubernetes.io/name": "pinsync"}, "are ready", func(pods []corev1.Pod) bool {
		for i := range pods {
			if !isReady(&pods[i]) {
				return false
			}
		}
		return len(pods) == replicas
	})
}

// awaitPods waits for a condition of the Pods that have labels, and returns them.
func (c *cluster) awaitPods(t *testing.T, namespace string, labels client.MatchingLabels, want string, met func([]corev1.Pod) bool) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	localtest.Until(t, func() (bool, string) {
		localtest.Must(t, c.client.List(t.Context(), &pods, client.InNamespace(namespace), labels))
		var found []string
		for i := range pods.Items {
			status, err := json.Marshal(pods.Items[i].Status)
			localtest.Must(t, err)
			found = append(found, pods.Items[i].Name+": "+string(status))
		}
		return met(pods.Items), fmt.Sprintf("Pods with %v in %s: want that they %s; they are\n%s", labels, namespace, want, strings.Join(found, "\n"))
	})
	return pods.Items
}

// isReady reports whether a Pod runs, is ready and is not being deleted.
func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil
		}
	}
	return false
}

// leader returns the process that holds the Lease: the name of its Pod, and what identifies it.
func (c *cluster) leader(t *testing.T) string {
	t.Helper()
	var leases coordinationv1.LeaseList
	localtest.Must(t, c.client.List(t.Context(), &leases, client.InNamespace(testbed.OwnNamespace)))
	if len(leases.Items) != 1 || leases.Items[0].Spec.HolderIdentity == nil {
		t.Fatalf("want one Lease with a holder: %+v", leases.Items)
	}
	return *leases.Items[0].Spec.HolderIdentity
}

// cgroupOf returns the folder of the cgroup of a Pod's first container: with version 1, that
// of the memory controller.
func (c *cluster) cgroupOf(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	_, container, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "//")
	root := "/sys/fs/cgroup/memory"
	if _, err := os.Stat(root); err != nil {
		root = "/sys/fs/cgroup"
	}
	root = filepath.Join(root, c.place.Cgroup())
	found := ""
	localtest.Must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == container {
			found = path
		}
		return err
	}))
	if found == "" {
		t.Fatalf("no cgroup of the container %s of %s in %s", container, pod.Name, root)
	}
	return found
}

// processOf returns the ID of the first process of a Pod's first container.
func (c *cluster) processOf(t *testing.T, pod *corev1.Pod) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.cgroupOf(t, pod), "cgroup.procs"))
	localtest.Must(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	id, err := strconv.Atoi(first)
	localtest.Must(t, err)
	return id
}
