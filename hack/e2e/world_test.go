//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// world is a test's own part of the registry, a cluster that is empty at first, and the
// host of the cleaner.
type world struct {
	t *testing.T
	*cluster
	registry *registry
	host     *host
}

// newWorld makes a world in which the images have an owner of their own.
func newWorld(t *testing.T, c *cluster) *world {
	t.Helper()
	r := newRegistry(t)
	w := &world{t: t, registry: r, host: newHost(r)}
	return w.with(c)
}

// with is the same world with another cluster, which the cleaner's host looks at too.
func (w *world) with(c *cluster) *world {
	w.host.clusters = append(w.host.clusters, c)
	w.t.Cleanup(func() { must(w.t, c.empty(context.Background())) })
	return &world{t: w.t, cluster: c, registry: w.registry, host: w.host}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition; the string says what is there instead.
func (w *world) until(condition func() (bool, string)) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		ok, instead := condition()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("waited in vain; at last: %s", instead)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lists are the ConfigMaps of the list.
func (w *world) lists() []corev1.ConfigMap {
	w.t.Helper()
	var lists corev1.ConfigMapList
	must(w.t, w.client.List(w.t.Context(), &lists, client.InNamespace(own), client.MatchingLabels{"pinsync.oleks.space/pins": "true"}))
	return lists.Items
}

// expectList waits for a complete list of just these pins.
func (w *world) expectList(pins ...string) {
	w.t.Helper()
	want := slices.Sorted(slices.Values(pins))
	w.until(func() (bool, string) {
		var got []string
		complete := true
		for _, list := range w.lists() {
			complete = complete && list.Annotations["pinsync.oleks.space/complete"] == "true"
			got = append(got, strings.Fields(list.Data["registry-pins.txt"])...)
		}
		return complete && slices.Equal(got, want), fmt.Sprintf("complete: %t, %q; want %q", complete, got, want)
	})
}

// reported waits until the report has a text.
func (w *world) reported(text string) {
	w.t.Helper()
	w.until(func() (bool, string) {
		lists := w.lists()
		if len(lists) == 0 {
			return false, "there is no list"
		}
		return strings.Contains(lists[0].Data["report.json"], text), lists[0].Data["report.json"]
	})
}

// controller is a running `pinsync controller`.
type controller struct {
	command *exec.Cmd
	log     bytes.Buffer
	stop    func()
}

// start starts the controller for the images of the test's owner, with the rights of
// its service account. Its stop ends it as a kubelet does, and checks that it ended well.
func (w *world) start() *controller {
	w.t.Helper()
	return w.startWith(fmt.Sprintf("registries: [{host: %q, owner: %s}]\n", gitea.Host, w.registry.owner))
}

func (w *world) startWith(registries string) *controller {
	w.t.Helper()
	config := filepath.Join(w.t.TempDir(), "config.yaml")
	must(w.t, os.WriteFile(config, []byte("apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n"+
		"hold: {grace: 2s}\nheartbeat: 1s\n"+registries), 0o600))
	c := &controller{command: exec.CommandContext(context.WithoutCancel(w.t.Context()), pinsyncBinary, "controller",
		"--kubeconfig", w.controller, "--namespace", own, "--config", config,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")}
	c.command.Stderr = &c.log
	must(w.t, c.command.Start())
	c.stop = sync.OnceFunc(func() {
		signalErr := c.command.Process.Signal(syscall.SIGTERM)
		if err := errors.Join(signalErr, c.command.Wait()); err != nil {
			w.t.Errorf("the controller ended with %v", err)
		}
		if w.t.Failed() {
			w.t.Log(c.log.String())
		}
	})
	w.t.Cleanup(c.stop)
	return c
}
