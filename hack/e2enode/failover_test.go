//go:build e2enode && linux

package e2enode

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// When the leader's process is killed, another one, of the other replica or of the container that
// is started again, lists what is suspended from then on.
func TestKilledLeader(t *testing.T) {
	w := newWorld(t)
	w.suspendNew("before")
	pods := w.controllers(t)
	leader := w.leader(t)
	killed, _, _ := strings.Cut(leader, "_")
	i := slices.IndexFunc(pods, func(pod corev1.Pod) bool { return pod.Name == killed })
	if i < 0 {
		t.Fatalf("the leader %s is none of the Pods", killed)
	}
	restarts := pods[i].Status.ContainerStatuses[0].RestartCount
	localtest.Must(t, syscall.Kill(w.processOf(t, &pods[i]), syscall.SIGKILL))
	w.suspendNew("after")
	w.lists(w.pin("before"))
	if w.leader(t) == leader {
		t.Errorf("%s, whose process was killed, is the leader", leader)
	}
	localtest.Until(t, func() (bool, string) {
		for _, pod := range w.controllers(t) {
			if pod.Name == killed {
				found := pod.Status.ContainerStatuses[0].RestartCount
				return found == restarts+1, fmt.Sprintf("%s: %d restarts, before %d", killed, found, restarts)
			}
		}
		return false, killed + " does not exist"
	})
}
