package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// chaos is a deployment in which failures are caused, and its witness.
type chaos struct {
	*deployment
	*localtest.Witness
	releases int
}

func newChaos(t *testing.T, elect bool) *chaos {
	t.Helper()
	d := deploy(t)
	d.configure("hold: {grace: 2s}\nheartbeat: 1s")
	if !elect {
		d.args = slices.DeleteFunc(d.args, func(arg string) bool { return arg == "--leader-elect" })
	}
	c := &chaos{deployment: d, Witness: localtest.StartWitness(t, d.plane.Config)}
	c.kubectl("create", "namespace", "kotkan")
	return c
}

// suspended creates a suspended release that needs a tag with the release's name.
func (c *chaos) suspended() (name string) {
	c.t.Helper()
	c.releases++
	name = fmt.Sprint("v", c.releases)
	c.Needs(appPin(name))
	c.apply(name, true, name)
	return name
}

// appPin is the pin of a tag of the image of all releases.
func appPin(tag string) string { return "container/app==" + tag }

func (c *chaos) apply(name string, suspend bool, tag string) {
	c.t.Helper()
	c.kubectl("apply", "-f", c.file("release.yaml", fmt.Sprintf(`
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: %s, namespace: kotkan}
spec:
  suspend: %t
  interval: 10m
  chartRef: {kind: OCIRepository, name: app}
  values: {image: "git.oleks.space/oleks/app:%s"}
`, name, suspend, tag)))
}

// isReportBehind reports whether the report is not of the list's plan.
func (c *chaos) isReportBehind() bool {
	plan := c.list().Annotations["pinsync.oleks.space/plan"]
	return !strings.Contains(c.configMap("registry-pins-report").Data["report.json"], fmt.Sprintf(`"plan":%q`, plan))
}

// complete waits until every needed tag is listed, and the list's annotation has a value.
func (c *chaos) complete(want string) {
	c.t.Helper()
	localtest.Until(c.t, c.AllListed)
	localtest.Until(c.t, func() (bool, string) {
		got := c.list().Annotations["pinsync.oleks.space/complete"]
		return got == want, "complete is " + got
	})
}

// No version of the list lacks a needed tag, at whatever moment pinsync is killed.
func TestKilledAtRandom(t *testing.T) {
	c := newChaos(t, false)
	random := rand.New(rand.NewPCG(1, 2))
	tags := map[string]string{} // of the releases that are suspended or resuming
	r := c.start()
	kills, behind := 0, 0
	for i := range 200 {
		switch names := slices.Sorted(maps.Keys(tags)); {
		case len(names) < 5 || random.IntN(3) == 0:
			name := c.suspended()
			tags[name] = name
		default:
			name := names[random.IntN(len(names))]
			switch random.IntN(3) {
			case 0: // its previous tag may be removed, after the grace
				tag := fmt.Sprintf("%s-%d", name, i)
				c.MayRemove(appPin(tags[name]))
				c.Needs(appPin(tag))
				c.apply(name, true, tag)
				tags[name] = tag
				localtest.Until(t, c.AllListed)
			case 1: // it never becomes ready, and was observed suspended: its tag stays
				localtest.Until(t, c.AllListed)
				c.setSuspend(name, false)
			case 2:
				c.MayRemove(appPin(tags[name]))
				delete(tags, name)
				c.kubectl("-n", "kotkan", "delete", "helmrelease", name)
			}
		}
		if random.IntN(4) == 0 {
			time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond) // any moment may be the wrong one
			r.Kill()
			kills++
			if c.isReportBehind() {
				behind++
			}
			if names := slices.Sorted(maps.Keys(tags)); random.IntN(2) == 0 {
				if ok, _ := c.AllListed(); ok { // all were observed suspended
					c.setSuspend(names[random.IntN(len(names))], false) // while no replica runs
				}
			}
			r = c.start()
		}
	}
	c.complete("true")
	t.Logf("%d kills, %d of them between a list and its report", kills, behind)
	if behind == 0 {
		t.Error("no kill was between a list and its report")
	}
}

// A list that was deleted while no replica ran is complete again in its first version.
func TestListDeletedWhileDown(t *testing.T) {
	c := newChaos(t, false)
	r := c.start()
	c.suspended()
	c.complete("true")
	r.Stop()
	c.kubectl("-n", "pinsync-system", "delete", "configmap", "registry-pins")
	c.suspended()
	c.start()
	c.complete("true")
}

// Two instances without leader election that write the same list lose no tag, and stop
// writing when nothing changes.
func TestTwoWithoutLeaderElection(t *testing.T) {
	c := newChaos(t, false)
	c.start()
	c.start()
	for range 20 {
		name := c.suspended()
		if c.releases%3 == 0 {
			c.complete("true")
			c.setSuspend(name, false)
		}
	}
	c.complete("true")
	before := c.report()
	localtest.Until(t, func() (bool, string) { // some heartbeats later
		syncedAt := c.list().Annotations["pinsync.oleks.space/synced-at"]
		at, err := time.Parse(time.RFC3339, syncedAt)
		return err == nil && time.Since(at) < 2*time.Second, syncedAt
	})
	if after := c.report(); strings.Count(after, `"pin"`) != strings.Count(before, `"pin"`) {
		t.Errorf("the report was %s, and is %s", before, after)
	}
}

// The API server is killed and restarted, and etcd is paused. Meanwhile synced-at is not
// renewed, since the list may be out of date.
func TestServersFail(t *testing.T) {
	c := newChaos(t, true)
	r := c.start()
	c.suspended()
	c.complete("true")

	api := c.apiServer()
	api.restart(t, func() {
		localtest.Until(t, func() (bool, string) {
			return strings.Contains(r.Log.String(), "connection refused"), r.Log.String()
		})
	})
	localtest.Until(t, func() (bool, string) { return isReady(t.Context(), c.plane.Config) })
	c.currentAgain()

	etcd := c.etcd()
	etcd.signal(t, syscall.SIGSTOP)
	paused := time.Now()
	time.Sleep(20 * time.Second) // the lease must expire
	continued := time.Now()
	etcd.signal(t, syscall.SIGCONT)
	localtest.Until(t, func() (bool, string) { return isReady(t.Context(), c.plane.Config) })
	localtest.Until(t, func() (bool, string) {
		at, err := time.Parse(time.RFC3339, c.list().Annotations["pinsync.oleks.space/synced-at"])
		if err == nil && at.After(paused.Add(2*time.Second)) && at.Before(continued.Add(-time.Second)) {
			t.Fatalf("synced-at is %s, when etcd was paused", at)
		}
		return err == nil && at.After(continued), fmt.Sprint(at, err)
	})
	c.currentAgain()
	if !r.IsRunning() {
		t.Error("the process has ended: a kubelet would restart it, later each time")
	}
}

// A replica can start, and wait, while the API server is away.
func TestStartWithoutAPIServer(t *testing.T) {
	c := newChaos(t, true)
	c.apiServer().restart(t, func() {
		r := c.start()
		localtest.Until(t, func() (bool, string) {
			return strings.Contains(r.Log.String(), "Error retrieving lease lock"), r.Log.String()
		})
	})
	localtest.Until(t, func() (bool, string) { return isReady(t.Context(), c.plane.Config) })
	c.currentAgain()
	c.currentAgain()
	c.report()
}

// currentAgain waits until a release that is suspended now is in a complete list.
func (c *chaos) currentAgain() {
	c.t.Helper()
	began := time.Now()
	c.suspended()
	c.complete("true")
	c.t.Logf("the list was complete again after %s", time.Since(began).Round(100*time.Millisecond))
}

// A leader that is paused until its lease has expired does not overwrite the list of the
// replica that has taken over.
func TestLeaderPausedPastItsLease(t *testing.T) {
	c := newChaos(t, true)
	leader := c.start()
	c.suspended()
	c.complete("true")
	c.start()
	localtest.Must(t, leader.Signal(syscall.SIGSTOP))
	resumed := c.suspended()
	c.suspended()
	c.complete("true") // written by the other replica
	c.setSuspend(resumed, false)
	c.reported(`"Resuming"`)
	localtest.Must(t, leader.Signal(syscall.SIGCONT))
	localtest.Until(t, func() (bool, string) {
		return strings.Contains(leader.Log.String(), "No longer the leader, starting again"), "the old leader has not noticed"
	})
	c.suspended()
	c.complete("true")
}

// When a CustomResourceDefinition is deleted, nothing is removed and the list is incomplete.
// Once it is installed again, its objects are needed again.
func TestKindIsDeleted(t *testing.T) {
	c := newChaos(t, false)
	const grace = 20 * time.Second // its objects are deleted some seconds before the kind is
	c.configure(fmt.Sprintf("hold: {grace: %s}\nheartbeat: 1s", grace))
	c.start()
	for range 5 {
		c.suspended()
	}
	c.complete("true")
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "helmreleases.helm.toolkit.fluxcd.io"}}
	localtest.Must(t, c.client.Delete(t.Context(), crd))
	c.complete("false")
	time.Sleep(grace + 5*time.Second)          // nothing may be removed in this time
	localtest.Until(t, func() (bool, string) { // the old definition is deleted after its objects
		err := c.plane.InstallFlux(t.Context())
		return err == nil, fmt.Sprint(err)
	})
	for i := range 5 {
		name := fmt.Sprint("v", i+1)
		c.apply(name, true, name)
	}
	c.complete("true")
	c.reported(`"Needed"`)
}

// The permission to read releases is withdrawn, and granted again.
func TestPermissionIsWithdrawn(t *testing.T) {
	c := newChaos(t, false)
	c.start()
	c.suspended()
	c.complete("true")
	var role rbacv1.ClusterRole
	localtest.Must(t, c.client.Get(t.Context(), client.ObjectKey{Name: "pinsync"}, &role))
	rules := role.Rules
	role.Rules = slices.DeleteFunc(slices.Clone(rules), func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Resources, "helmreleases")
	})
	localtest.Must(t, c.client.Update(t.Context(), &role))
	api := c.apiServer() // it checks permissions when a watch begins
	api.restart(t, func() {})
	localtest.Until(t, func() (bool, string) { return isReady(t.Context(), c.plane.Config) })
	c.complete("false")
	localtest.Until(t, func() (bool, string) {
		err := c.client.Get(t.Context(), client.ObjectKey{Name: "pinsync"}, &role)
		role.Rules = rules
		if err == nil {
			err = c.client.Update(t.Context(), &role)
		}
		return err == nil, fmt.Sprint(err)
	})
	c.suspended()
	c.complete("true")
}

// The standby takes over within seconds when the leader is stopped, since its caches are
// synced.
func TestStandbyTakesOver(t *testing.T) {
	const kinds = 11 // with those that charts come from
	c := newChaos(t, true)
	first := c.start()
	c.suspended()
	c.complete("true")
	second := c.start()
	localtest.Until(t, func() (bool, string) {
		return strings.Count(second.Log.String(), "Following the kind") >= kinds, second.Log.String()
	})
	if strings.Contains(second.Log.String(), "Wrote the list") {
		t.Error("the standby has written the list")
	}
	first.Stop()
	c.suspended()
	c.complete("true")
	if count := strings.Count(second.Log.String(), "Following the kind"); count != kinds {
		t.Errorf("the standby has synced its caches again: %d", count)
	}
}
