//go:build e2enode && linux

package e2enode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// stateVolume is a volume on the node's disk for the documented claim. Its folder is not the
// container's user's at first.
const stateVolume = `
apiVersion: v1
kind: PersistentVolume
metadata:
  name: registry-cleaner-state
spec:
  capacity: {storage: 10Mi}
  accessModes: [ReadWriteOnce]
  claimRef: {namespace: pinsync-system, name: registry-cleaner-state}
  local: {path: %q}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchFields: [{key: metadata.name, operator: In, values: [%s]}]
`

// The documented CronJob exports the list to its cleaner, which sees all pins, and keeps its
// state on a volume from one run to the next. A cleaner that cannot be pulled does not start later.
func TestCronJob(t *testing.T) {
	w := newWorld(t)
	w.upgrade("releases: All")
	folder := t.TempDir()
	localtest.Must(t, os.Chmod(folder, 0o755))
	w.push("cleaner")
	job := strings.NewReplacer("image: registry.example.com/registry-cleaner:v1", "image: "+w.image("cleaner"),
		"image: registry.example.com/pinsync:", "image: "+repositories+"pinsync:").Replace(documentedCronJob(t))
	w.applyText(fmt.Sprintf(stateVolume, folder, local.NodeName))
	w.kubectl("apply", "-k", "config/components/cleaner-access")
	w.applyText(job)

	first := w.runJob("first")
	if !strings.Contains(first, w.pin("after")+"\n") {
		t.Errorf("the cleaner was given %q, without %s", first, w.pin("after"))
	}
	state, err := os.ReadFile(filepath.Join(folder, "state.json"))
	localtest.Must(t, err)
	if !strings.Contains(string(state), w.namespace) {
		t.Errorf("the state on the volume is %q, without %s", state, w.namespace)
	}
	w.suspendNew("2")
	if second := w.runJob("second"); !strings.Contains(second, w.pin("after")+"\n") || !strings.Contains(second, w.pin("2")+"\n") {
		t.Errorf("the cleaner was given %q, without %s or %s", second, w.pin("after"), w.pin("2"))
	}
	w.applyText(strings.NewReplacer("activeDeadlineSeconds: 1800", "activeDeadlineSeconds: 10", w.image("cleaner"), w.image("missing")).Replace(job))
	w.kubectl("-n", testbed.OwnNamespace, "create", "job", "--from=cronjob/registry-cleaner", "third")
	w.awaitPods(t, testbed.OwnNamespace, client.MatchingLabels{"job-name": "third"}, "have ended at the deadline", func(pods []corev1.Pod) bool {
		return len(pods) == 1 && pods[0].Status.Phase == corev1.PodFailed && pods[0].Status.Reason == "DeadlineExceeded"
	})
}

// documentedCronJob returns the manifests of the CronJob and its claim in the documentation.
func documentedCronJob(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/cleaners/cronjob.md")
	localtest.Must(t, err)
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		if block, _, _ = strings.Cut(block, "```"); strings.Contains(block, "kind: CronJob") {
			return block
		}
	}
	t.Fatal("the page has no CronJob")
	return ""
}

// applyText applies manifests.
func (w *world) applyText(text string) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "manifests.yaml")
	localtest.Must(w.t, os.WriteFile(file, []byte(text), 0o600))
	w.kubectl("apply", "-f", file)
}

// runJob runs the CronJob once, and returns what its cleaner has printed.
func (w *world) runJob(name string) string {
	w.t.Helper()
	// Export refuses a list of which it does not know whether it has the live releases.
	localtest.Report(w.t, w.client, testbed.OwnNamespace)
	w.kubectl("-n", testbed.OwnNamespace, "create", "job", "--from=cronjob/registry-cleaner", name)
	w.awaitPods(w.t, testbed.OwnNamespace, client.MatchingLabels{"job-name": name}, "have succeeded", func(pods []corev1.Pod) bool {
		return len(pods) == 1 && pods[0].Status.Phase == corev1.PodSucceeded
	})
	return w.kubectl("-n", testbed.OwnNamespace, "logs", "job/"+name, "-c", "cleaner")
}
