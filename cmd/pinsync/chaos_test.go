package main

import (
	"context"
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

// chaos is a deployment in which things go wrong, and its witness.
type chaos struct {
	*deployment
	*witness
	releases int
}

func newChaos(t *testing.T, elect bool) *chaos {
	t.Helper()
	d := deploy(t)
	d.configure("hold: {grace: 2s}\nheartbeat: 1s")
	if !elect {
		d.args = slices.DeleteFunc(d.args, func(arg string) bool { return arg == "--leader-elect" })
	}
	c := &chaos{deployment: d, witness: newWitness(t, d.plane.Config)}
	c.kubectl("create", "namespace", "kotkan")
	return c
}

// sleep creates a suspended release that needs a tag of its own name.
func (c *chaos) sleep() (name string) {
	c.deployment.t.Helper()
	c.releases++
	name = fmt.Sprint("v", c.releases)
	c.needs(name)
	c.apply(name, true, name)
	return name
}

func (c *chaos) apply(name string, suspend bool, tag string) {
	c.deployment.t.Helper()
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

// complete waits until every needed tag was seen, and the list says what it should.
func (c *chaos) complete(want string) {
	c.deployment.t.Helper()
	localtest.Until(c.deployment.t, c.missing)
	localtest.Until(c.deployment.t, func(context.Context) (bool, string) {
		got := c.list().Annotations["pinsync.oleks.space/complete"]
		return got == want, "complete is " + got
	})
}

// Whatever happens to the processes, no version of the list ever lacks a tag that is
// needed.
func TestKilledAtRandom(t *testing.T) {
	c := newChaos(t, false)
	random := rand.New(rand.NewPCG(1, 2))
	tags := map[string]string{} // of the releases that sleep or are on their way up
	r := c.start()
	kills := 0
	for i := range 200 {
		switch names := slices.Sorted(maps.Keys(tags)); {
		case len(names) < 5 || random.IntN(3) == 0:
			name := c.sleep()
			tags[name] = name
		default:
			name := names[random.IntN(len(names))]
			switch random.IntN(3) {
			case 0: // what it needed before it may lose, a while later
				tag := fmt.Sprintf("%s-%d", name, i)
				c.letsGo(tags[name])
				c.needs(tag)
				c.apply(name, true, tag)
				tags[name] = tag
				localtest.Until(t, c.missing)
			case 1: // it never becomes ready: it keeps what it needs, once it was seen asleep
				localtest.Until(t, c.missing)
				c.setSuspend(name, false)
			case 2:
				c.letsGo(tags[name])
				delete(tags, name)
				c.kubectl("-n", "kotkan", "delete", "helmrelease", name)
			}
		}
		if random.IntN(4) == 0 {
			time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond) // any moment is as good
			r.Kill()
			kills++
			if names := slices.Sorted(maps.Keys(tags)); random.IntN(2) == 0 {
				if ok, _ := c.missing(t.Context()); ok { // all were seen asleep
					c.setSuspend(names[random.IntN(len(names))], false) // while nobody looks
				}
			}
			r = c.start()
		}
	}
	c.complete("true")
	t.Logf("%d kills, %d versions", kills, c.versions)
}

// A list that was deleted while nobody ran is there again from the first version on.
func TestListDeletedWhileDown(t *testing.T) {
	c := newChaos(t, false)
	r := c.start()
	c.sleep()
	c.complete("true")
	r.Stop()
	c.kubectl("-n", "pinsync-system", "delete", "configmap", "registry-pins")
	c.sleep()
	c.start()
	c.complete("true")
}

// Two that write the list without knowing of each other lose nothing, and come to rest.
func TestTwoWithoutLeaderElection(t *testing.T) {
	c := newChaos(t, false)
	c.start()
	c.start()
	for range 20 {
		name := c.sleep()
		if c.releases%3 == 0 {
			c.complete("true")
			c.setSuspend(name, false)
		}
	}
	c.complete("true")
	before := c.list().Data["report.json"]
	localtest.Until(t, func(context.Context) (bool, string) { // some heartbeats later
		syncedAt := c.list().Annotations["pinsync.oleks.space/synced-at"]
		at, err := time.Parse(time.RFC3339, syncedAt)
		return err == nil && time.Since(at) < 2*time.Second, syncedAt
	})
	if after := c.list().Data["report.json"]; strings.Count(after, `"pin"`) != strings.Count(before, `"pin"`) {
		t.Errorf("it was %s, and is %s", before, after)
	}
}

// The API server goes away and comes back, and so does its storage. A list that cannot
// be known to be current does not say that it is.
func TestServersGoAway(t *testing.T) {
	c := newChaos(t, true)
	r := c.start()
	c.sleep()
	c.complete("true")

	api := findServer(t, "kube-apiserver")
	api.restart(t, func() {
		localtest.Until(t, func(context.Context) (bool, string) {
			return strings.Contains(r.Log.String(), "connection refused"), r.Log.String()
		})
	})
	localtest.Until(t, func(context.Context) (bool, string) { return isReady(t.Context(), c.plane.Config) })
	if !r.IsRunning() { // its lease has run out: a kubelet starts it again
		r.MayFail()
		r = c.start()
	}
	c.sleep()
	c.complete("true")

	etcd := findServer(t, "etcd")
	etcd.signal(t, syscall.SIGSTOP)
	paused := time.Now()
	time.Sleep(20 * time.Second) // longer than the lease: that is the time that it is about
	woken := time.Now()
	etcd.signal(t, syscall.SIGCONT)
	localtest.Until(t, func(context.Context) (bool, string) { return isReady(t.Context(), c.plane.Config) })
	localtest.Until(t, func(context.Context) (bool, string) {
		if !r.IsRunning() {
			r.MayFail()
			r = c.start()
		}
		at, err := time.Parse(time.RFC3339, c.list().Annotations["pinsync.oleks.space/synced-at"])
		if err == nil && at.After(paused.Add(2*time.Second)) && at.Before(woken.Add(-time.Second)) {
			t.Fatalf("the list was called fresh at %s, while etcd was stopped", at)
		}
		return err == nil && at.After(woken), fmt.Sprint(at, err)
	})
	c.sleep()
	c.complete("true")
}

// A leader that sleeps past its lease cannot put back what it knew; the other replica has
// taken over meanwhile.
func TestLeaderSleepsPastItsLease(t *testing.T) {
	c := newChaos(t, true)
	leader := c.start()
	c.sleep()
	c.complete("true")
	c.start()
	localtest.Must(t, leader.Signal(syscall.SIGSTOP))
	resumed := c.sleep()
	c.sleep()
	c.complete("true") // by the other
	c.setSuspend(resumed, false)
	c.reason(`"Resuming"`)
	localtest.Must(t, leader.Signal(syscall.SIGCONT))
	localtest.Until(t, func(context.Context) (bool, string) { return !leader.IsRunning(), "the old leader goes on" })
	leader.MayFail()
	c.sleep()
	c.complete("true")
}

// A kind that vanishes is no empty cluster: nothing goes, the list is not complete, and
// what is there when the kind is back is needed again.
func TestKindVanishes(t *testing.T) {
	c := newChaos(t, false)
	const grace = 20 * time.Second // its objects vanish some seconds before the kind does
	c.configure(fmt.Sprintf("hold: {grace: %s}\nheartbeat: 1s", grace))
	c.start()
	for range 5 {
		c.sleep()
	}
	c.complete("true")
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "helmreleases.helm.toolkit.fluxcd.io"}}
	localtest.Must(t, c.client.Delete(t.Context(), crd))
	c.complete("false")
	time.Sleep(grace + 5*time.Second)                         // nothing may happen in this time
	localtest.Until(t, func(context.Context) (bool, string) { // the old definition is gone only when its objects are
		err := c.plane.InstallFlux()
		return err == nil, fmt.Sprint(err)
	})
	for i := range 5 {
		name := fmt.Sprint("v", i+1)
		c.apply(name, true, name)
	}
	c.complete("true")
	c.reason(`"Needed"`)
}

// A right that is taken away, and given back.
func TestRightIsTakenAway(t *testing.T) {
	c := newChaos(t, false)
	c.start()
	c.sleep()
	c.complete("true")
	var role rbacv1.ClusterRole
	localtest.Must(t, c.client.Get(t.Context(), client.ObjectKey{Name: "pinsync"}, &role))
	rules := role.Rules
	role.Rules = slices.DeleteFunc(slices.Clone(rules), func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Resources, "helmreleases")
	})
	localtest.Must(t, c.client.Update(t.Context(), &role))
	api := findServer(t, "kube-apiserver") // it looks at rights when a watch begins
	api.restart(t, func() {})
	localtest.Until(t, func(context.Context) (bool, string) { return isReady(t.Context(), c.plane.Config) })
	c.complete("false")
	localtest.Until(t, func(context.Context) (bool, string) {
		err := c.client.Get(t.Context(), client.ObjectKey{Name: "pinsync"}, &role)
		role.Rules = rules
		if err == nil {
			err = c.client.Update(t.Context(), &role)
		}
		return err == nil, fmt.Sprint(err)
	})
	c.sleep()
	c.complete("true")
}

// A replica takes over within seconds when the leader's node is drained, and has its
// caches filled before.
func TestStandbyTakesOver(t *testing.T) {
	c := newChaos(t, true)
	first := c.start()
	c.sleep()
	c.complete("true")
	second := c.start()
	localtest.Until(t, func(context.Context) (bool, string) {
		return strings.Count(second.Log.String(), "Following the kind") >= 5, second.Log.String()
	})
	if strings.Contains(second.Log.String(), "Wrote the list") {
		t.Error("the standby writes")
	}
	first.Stop()
	c.sleep()
	c.complete("true")
	if count := strings.Count(second.Log.String(), "Following the kind"); count != 5 {
		t.Errorf("it has read the kinds again: %d", count)
	}
}
