//go:build e2enode && linux

package e2enode

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// config/default starts without a Warning event. The Pods run the image that was pushed, as a
// user without capabilities that can get none, with a filter of system calls.
func TestInstall(t *testing.T) {
	for _, warning := range shared.warnings {
		t.Errorf("a Warning event at the installation: %s", warning)
	}
	for _, pod := range shared.controllers(t) {
		if image := pod.Status.ContainerStatuses[0].ImageID; !strings.HasSuffix(image, "@"+shared.digest) {
			t.Errorf("%s runs %s, want the digest %s", pod.Name, image, shared.digest)
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", shared.processOf(t, &pod)))
		localtest.Must(t, err)
		status := map[string]string{}
		for line := range strings.Lines(string(text)) {
			field, value, _ := strings.Cut(line, ":")
			status[field] = strings.Join(strings.Fields(value), " ")
		}
		for field, want := range map[string]string{
			"Uid": "65532 65532 65532 65532", "CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
		} {
			if status[field] != want {
				t.Errorf("the process of %s has %s %q, want %q", pod.Name, field, status[field], want)
			}
		}
	}
}
