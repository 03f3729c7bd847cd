//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// exportedWorld is a world with a suspended release and a first export, and with a tag that
// the cleaner deletes when it runs again.
func exportedWorld(t *testing.T) (*world, *localtest.Replica) {
	t.Helper()
	w := newWorld(t)
	w.registry.push("app", "staging")
	w.release("app", "app", "staging", true)
	c := w.start()
	w.expectList(testbed.Pin("app", "staging"))
	w.host.cleans(nil)
	if printed := w.host.export(); printed.code != 0 || printed.out != w.host.read(w.host.pins) {
		t.Errorf("the export without --output-file: %+v; with it: %q", printed, w.host.read(w.host.pins))
	}
	w.registry.push("app", "unneeded")
	return w, c
}

// recovers starts the controller again, waits until the export succeeds, and expects that
// the cleaner runs.
func (w *world) recovers(args ...string) {
	w.t.Helper()
	w.start()
	w.exports(args...)
	w.host.cleans([]string{testbed.Pin("app", "unneeded")}, args...)
}

// exports waits until the export succeeds.
func (w *world) exports(args ...string) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		exported := w.host.export(args...)
		return exported.code == 0, fmt.Sprintf("%+v", exported)
	})
}

// A list whose last sync is longer ago than --max-age may lack tags of releases that were
// suspended since.
func TestStoppedController(t *testing.T) {
	const maxAge = 5 * time.Second
	w, c := exportedWorld(t)
	c.Stop()
	localtest.Until(w.t, func() (bool, string) {
		syncedAt := w.lists()[0].Annotations["pinsync.oleks.space/synced-at"]
		at, err := time.Parse(time.RFC3339, syncedAt)
		localtest.Must(t, err)
		// The API server, by whose clock the age is measured, answers with whole seconds.
		return time.Since(at) > maxAge+time.Second, "synced-at is " + syncedAt
	})
	w.host.refuses("is pinsync running?", "--max-age", maxAge.String())
	w.recovers("--max-age", maxAge.String())
}

// A line that was removed from the list may be of a needed tag.
func TestEditedList(t *testing.T) {
	w, c := exportedWorld(t)
	c.Stop()
	list := w.lists()[0]
	list.Data["registry-pins.txt"] = strings.Replace(list.Data["registry-pins.txt"], testbed.Pin("app", "staging")+"\n", "", 1)
	localtest.Must(t, w.Client.Update(t.Context(), &list))
	w.host.refuses("the checksum of registry-pins.txt")
	w.recovers()
}

// A list is refused while one of its ConfigMaps is missing.
func TestMissingShard(t *testing.T) {
	w, c := exportedWorld(t)
	var images []string
	for i := range 6000 {
		images = append(images, fmt.Sprintf("%s:%0100d", w.registry.Name("large"), i))
	}
	w.releaseWith("large", true, map[string]any{"images": images})
	var lists []corev1.ConfigMap
	localtest.Until(w.t, func() (bool, string) {
		lists = w.lists()
		exported := w.host.export()
		return len(lists) > 1 && strings.Count(exported.out, "\n") == len(images)+1, fmt.Sprintf("%d objects; %d, %s", len(lists), exported.code, exported.errOut)
	})
	c.Stop()
	lists = w.lists() // they do not change any more
	localtest.Must(t, w.Client.Delete(t.Context(), &lists[len(lists)-1]))
	w.host.refuses(fmt.Sprintf("is in %d of its %d ConfigMaps", len(lists)-1, len(lists)))
	w.recovers()
}

// Without the permission to read ImagePolicies pinsync does not know every tag.
func TestIncompleteList(t *testing.T) {
	w, c := exportedWorld(t)
	c.Stop()
	permit := w.forbid("imagepolicies")
	c = w.start()
	localtest.Until(w.t, func() (bool, string) {
		complete := w.lists()[0].Annotations["pinsync.oleks.space/complete"]
		return complete == "false", "complete is " + complete
	})
	w.reported(`"ReadFailed"`)
	w.host.refuses("is incomplete: ImagePolicy: ") // the cleaner may read the reason in the report
	c.Stop()
	permit()
	w.recovers()
}

// forbid withdraws pinsync's permission to read a resource, and returns a function that
// grants it again.
func (w *world) forbid(resource string) (permit func()) {
	w.t.Helper()
	var role rbacv1.ClusterRole
	localtest.Must(w.t, w.Client.Get(w.t.Context(), client.ObjectKey{Name: "pinsync"}, &role))
	rules := role.Rules
	role.Rules = slices.DeleteFunc(slices.Clone(rules), func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Resources, resource)
	})
	if len(role.Rules) == len(rules) {
		w.t.Fatalf("the ClusterRole has no rule about %s", resource)
	}
	localtest.Must(w.t, w.Client.Update(w.t.Context(), &role))
	permit = sync.OnceFunc(func() {
		role.Rules = rules
		localtest.Must(w.t, w.Client.Update(context.Background(), &role))
	})
	w.t.Cleanup(permit)
	return permit
}

// A list that has lost half of its pins since the last export is refused until a person
// confirms it.
func TestShrunkenList(t *testing.T) {
	w := newWorld(t)
	var pins []string
	for i := range 10 {
		tag := fmt.Sprint("v", i)
		w.registry.push("app", tag)
		w.release(tag, "app", tag, true)
		pins = append(pins, testbed.Pin("app", tag))
	}
	w.start()
	w.expectList(pins...)
	w.host.cleans(nil)

	w.disable("v0", "v1", "v2", "v3")
	w.expectList(pins[4:]...)
	w.host.cleans(pins[:4])

	w.disable("v4", "v5", "v6")
	w.expectList(pins[7:]...)
	w.host.refuses("had 6 pins")
	w.host.cleans(pins[4:7], "--max-shrink", "100")
	w.host.cleans(nil)
}

// disable disables the protection of releases.
func (w *world) disable(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.changeRelease(name, func(release *helmv2.HelmRelease) {
			release.Annotations = map[string]string{"pinsync.oleks.space/sync": "disabled"}
		})
	}
}

// While a cluster is unreachable no cleaner deletes the tags that it needs.
func TestUnreachableCluster(t *testing.T) {
	w, _ := exportedWorld(t)
	other := w.inAnother()
	built := w.registry.push("app", "western")
	other.release("app", "app", "western", true)
	other.start()
	other.expectList(testbed.Pin("app", "western"))
	w.host.cleans([]string{testbed.Pin("app", "unneeded")})
	w.registry.expectWhole("app", "western", built)

	w.registry.push("app", "unneeded")
	address := localtest.FreeAddress(t)
	w.host.clusters[1] = &testbed.Cluster{Admin: other.Admin, Reader: moved(t, other.Reader, address)}
	w.host.refuses(address)
	w.host.clusters[1] = other.Cluster
	w.host.cleans([]string{testbed.Pin("app", "unneeded")})
}

// moved returns a copy of a kubeconfig file with another server address.
func moved(t *testing.T, kubeconfig, address string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	localtest.Must(t, err)
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + address
	}
	copied := filepath.Join(t.TempDir(), "kubeconfig")
	localtest.Must(t, clientcmd.WriteToFile(*config, copied))
	return copied
}
