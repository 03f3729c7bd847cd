//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// Exit codes of `pinsync check`: an image is missing, and one could not be checked.
const (
	exitMissing = 4
	exitUnknown = 5
)

// logIn writes a Docker configuration with a password for Gitea.
func (h *host) logIn(password string) {
	h.t.Helper()
	login := base64.StdEncoding.EncodeToString([]byte(gitea.User + ":" + password))
	text, err := json.Marshal(map[string]any{"auths": map[string]any{gitea.Host: map[string]string{"auth": login}}})
	localtest.Must(h.t, err)
	localtest.Must(h.t, os.WriteFile(filepath.Join(h.docker, "config.json"), text, 0o600))
}

// expectCheck runs `pinsync check`, and expects its exit code and the status of each
// image. It returns the messages.
func (h *host) expectCheck(code int, want map[string]string, more ...string) map[string]string {
	h.t.Helper()
	args := slices.Concat([]string{"check", "-o", "json", "--insecure-registry", gitea.Host}, h.kubeconfigs(), more)
	checked := h.run(pinsyncBinary, args...)
	var report struct {
		Kind   string
		Images []struct{ Image, Pin, Status, Message string }
	}
	if err := json.Unmarshal([]byte(checked.out), &report); err != nil || report.Kind != "RegistryCheck" {
		h.t.Fatalf("%v, %+v", err, checked)
	}
	got, messages := map[string]string{}, map[string]string{}
	for _, image := range report.Images {
		got[image.Image], messages[image.Image] = image.Status, image.Message
	}
	if checked.code != code || !maps.Equal(got, want) {
		h.t.Errorf("the check exited with code %d, found %v and printed %q; want %d, %v", checked.code, got, checked.errOut, code, want)
	}
	return messages
}

// expectStatus waits until `pinsync status` prints a text.
func (h *host) expectStatus(want string) {
	h.t.Helper()
	localtest.Until(h.t, func() (bool, string) {
		shown := h.run(pinsyncBinary, slices.Concat([]string{"status"}, h.kubeconfigs())...)
		text := strings.Join(strings.Fields(shown.out), " ") // lines are as long as a terminal is wide
		return strings.Contains(text, want), fmt.Sprintf("want %q: %s %s", want, text, shown.errOut)
	})
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	w.registry.push("app", "kept", "deleted", "V2")
	w.registry.pushIndex("site", "whole")
	_, children := w.registry.pushIndex("site", "torn")
	all := map[string]string{}
	for _, reference := range []string{"app:kept", "app:deleted", "app:V2", "site:whole", "site:torn"} {
		image, tag, _ := strings.Cut(reference, ":")
		w.release(image+"-"+strings.ToLower(tag), image, tag, true)
		all[w.registry.Name(reference)] = "present"
	}
	w.start()
	w.expectList(testbed.Pin("app", "kept"), testbed.Pin("app", "deleted"), testbed.Pin("app", "V2"), testbed.Pin("app", "v2"), testbed.Pin("site", "whole"), testbed.Pin("site", "torn"))

	w.host.logIn(gitea.Token)
	w.host.expectCheck(0, all)
	w.host.expectStatus("registries: no check is recorded;")

	unauthorized := maps.Clone(all)
	for image := range unauthorized {
		unauthorized[image] = "unauthorized"
	}
	w.host.logIn("wrong")
	w.host.expectCheck(exitUnknown, unauthorized, "--record")
	w.host.expectStatus("s ago: 5 needed images, 5 could not be checked ")
	w.host.logIn(gitea.Token)

	deleted := w.registry.Name("app:deleted")
	w.registry.delete("app", "deleted")
	all[deleted] = "missing"
	w.host.expectCheck(exitMissing, all, "--record")
	found := "5 needed images, 1 MISSING OR INCOMPLETE: " + testbed.Pin("app", "deleted") + " "
	w.host.expectStatus("s ago: " + found)
	w.registry.push("app", "deleted", "new")
	w.release("app-new", "app", "new", true)
	w.expectList(testbed.Pin("app", "kept"), testbed.Pin("app", "deleted"), testbed.Pin("app", "V2"), testbed.Pin("app", "v2"), testbed.Pin("app", "new"),
		testbed.Pin("site", "whole"), testbed.Pin("site", "torn"))
	w.host.expectStatus("s ago, and the list has changed since: " + found)
	all[deleted], all[w.registry.Name("app:new")] = "present", "present"
	w.host.expectCheck(0, all, "--record")
	w.host.expectStatus("s ago: 6 needed images, all present ")

	torn, child := w.registry.Name("site:torn"), children[1].Digest.String()
	w.registry.delete("site", child)
	all[torn] = "incomplete"
	messages := w.host.expectCheck(exitMissing, all)
	if !strings.Contains(messages[torn], child) || strings.Contains(messages[torn], children[0].Digest.String()) {
		t.Errorf("the missing manifest of %s is %s; the message is %q", torn, child, messages[torn])
	}
}

// The images of an unreachable registry could not be checked.
func TestCheckUnreachable(t *testing.T) {
	w := newWorld(t)
	image := localtest.FreeAddress(t) + "/team/app:staging"
	w.releaseWith("app", true, map[string]any{"image": image})
	w.startWith()
	w.expectList(testbed.Pin("app", "staging"), testbed.Pin(testbed.ChartName, testbed.ChartVersion)) // with the chart's own
	chart := w.sources.Name(testbed.ChartName) + ":" + testbed.ChartVersion
	messages := w.host.expectCheck(exitUnknown, map[string]string{image: "unreachable", chart: "unauthorized"}) // nobody is logged in
	if messages[image] == "" {
		t.Errorf("no message describes why %s is unreachable", image)
	}
}
