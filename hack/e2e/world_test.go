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

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// world is a test's own part of the registry, a namespace of its own in a cluster without
// other releases, and the cleaner's host.
type world struct {
	t *testing.T
	*testbed.Cluster
	namespace string
	registry  *registry
	// sources has the charts and manifests, which the cleaner does not clean.
	sources *registry
	host    *host
}

// newWorld creates a world whose images have an owner of their own. The test runs beside others.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	r := newRegistry(t)
	w := &world{t: t, registry: r, namespace: r.Owner, sources: newRegistry(t), host: newHost(r)}
	w = w.inAnother()
	w.offerChart()
	return w
}

// inAnother returns the same world with another cluster, which the cleaner's host reads, too.
func (w *world) inAnother() *world {
	w.t.Helper()
	c := clusters.Take(w.t)
	w.host.clusters = append(w.host.clusters, c)
	w = &world{t: w.t, Cluster: c, namespace: w.namespace, registry: w.registry, sources: w.sources, host: w.host}
	localtest.Must(w.t, c.Client.Create(w.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	w.t.Cleanup(func() {
		w.logFlux()
		localtest.Must(w.t, empty(context.Background(), c, w.namespace))
	})
	return w
}

// lists returns the ConfigMaps of the list.
func (w *world) lists() []corev1.ConfigMap {
	w.t.Helper()
	return w.labelled("pinsync.oleks.space/pins")
}

func (w *world) labelled(label string) []corev1.ConfigMap {
	w.t.Helper()
	var found corev1.ConfigMapList
	localtest.Must(w.t, w.Client.List(w.t.Context(), &found, client.InNamespace(testbed.OwnNamespace), client.MatchingLabels{label: "true"}))
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
func (w *world) start(configuration ...string) *localtest.Replica {
	w.t.Helper()
	registries := fmt.Sprintf("registries: [{host: %q, owner: %s}]", gitea.Host, w.registry.Owner)
	return w.startWith(append(configuration, registries)...)
}

// startWith starts the controller with fields of its configuration besides the heartbeat and,
// unless they have one, the grace.
func (w *world) startWith(configuration ...string) *localtest.Replica {
	w.t.Helper()
	text := strings.Join(append(configuration, "apiVersion: pinsync.oleks.space/v1alpha1", "kind: Configuration", "heartbeat: 1s"), "\n")
	if !strings.Contains(text, "grace:") {
		text += "\nhold: {grace: 2s}"
	}
	config := filepath.Join(w.t.TempDir(), "config.yaml")
	localtest.Must(w.t, os.WriteFile(config, []byte(text), 0o600))
	return localtest.StartReplica(w.t, pinsyncBinary, "controller",
		"--kubeconfig", w.Controller, "--pinsync-namespace", testbed.OwnNamespace, "--config", config,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
}

// empty deletes the objects of a test: its releases before its namespace, so that Helm finds
// what it uninstalls, and the list.
func empty(ctx context.Context, c *testbed.Cluster, namespace string) error {
	for _, kind := range []client.Object{&helmv2.HelmRelease{}, &imagev1.ImagePolicy{}, &imagev1.ImageRepository{}} {
		if err := c.Client.DeleteAllOf(ctx, kind, client.InNamespace(namespace)); err != nil {
			return err
		}
	}
	for _, label := range []string{"pinsync.oleks.space/pins", "pinsync.oleks.space/report"} {
		if err := c.Client.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(testbed.OwnNamespace), client.MatchingLabels{label: "true"}); err != nil {
			return err
		}
	}
	return c.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
}

// cordon keeps Pods from starting until the function that it returns is called, or the test
// ends.
func (w *world) cordon() (uncordon func()) {
	w.Kubelet.Cordon()
	w.t.Cleanup(w.Kubelet.Uncordon)
	return w.Kubelet.Uncordon
}
