//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// world is a test's own part of the registry, a cluster without releases, and the cleaner's
// host.
type world struct {
	t *testing.T
	*cluster
	registry *registry
	host     *host
}

// newWorld creates a world whose images have an owner of their own.
func newWorld(t *testing.T, c *cluster) *world {
	t.Helper()
	r := newRegistry(t)
	w := &world{t: t, registry: r, host: newHost(r)}
	return w.with(c)
}

// with returns the same world with another cluster, which the cleaner's host reads, too.
func (w *world) with(c *cluster) *world {
	w.host.clusters = append(w.host.clusters, c)
	w.t.Cleanup(func() { localtest.Must(w.t, c.empty(context.Background())) })
	return &world{t: w.t, cluster: c, registry: w.registry, host: w.host}
}

// lists returns the ConfigMaps of the list.
func (w *world) lists() []corev1.ConfigMap {
	w.t.Helper()
	return w.labelled("pinsync.oleks.space/pins")
}

func (w *world) labelled(label string) []corev1.ConfigMap {
	w.t.Helper()
	var found corev1.ConfigMapList
	localtest.Must(w.t, w.client.List(w.t.Context(), &found, client.InNamespace(own), client.MatchingLabels{label: "true"}))
	return found.Items
}

// expectList waits for a complete list of exactly these pins.
func (w *world) expectList(pins ...string) {
	w.t.Helper()
	want := slices.Sorted(slices.Values(pins))
	localtest.Until(w.t, func() (bool, string) {
		var got []string
		complete := true
		for _, list := range w.lists() {
			complete = complete && list.Annotations["pinsync.oleks.space/complete"] == "true"
			got = append(got, strings.Fields(list.Data["registry-pins.txt"])...)
		}
		return complete && slices.Equal(got, want), fmt.Sprintf("complete: %t, %q; want %q", complete, got, want)
	})
}

// reported waits until the report contains a text.
func (w *world) reported(text string) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		reports := w.labelled("pinsync.oleks.space/report")
		if len(reports) == 0 {
			return false, "no report exists"
		}
		return strings.Contains(reports[0].Data["report.json"], text), reports[0].Data["report.json"]
	})
}

// start starts the controller for the images of the test's owner, with the permissions of
// its service account.
func (w *world) start() *localtest.Replica {
	w.t.Helper()
	return w.startWith(fmt.Sprintf("registries: [{host: %q, owner: %s}]\n", gitea.Host, w.registry.owner))
}

func (w *world) startWith(registries string) *localtest.Replica {
	w.t.Helper()
	config := filepath.Join(w.t.TempDir(), "config.yaml")
	localtest.Must(w.t, os.WriteFile(config, []byte("apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n"+
		"hold: {grace: 2s}\nheartbeat: 1s\n"+registries), 0o600))
	return localtest.StartReplica(w.t, pinsyncBinary, "controller",
		"--kubeconfig", w.controller, "--namespace", own, "--config", config,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
}
