package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

const requestedAt = "pinsync.oleks.space/requested-at"

// at returns a time as a flag takes it, with fractions of a second if it has some.
func at(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// exported expects that the list with the tag staging is exported.
func (e *exports) exported(args ...string) {
	e.t.Helper()
	if code, out, errOut := e.run(args...); code != 0 || out != "container/app==staging\n" || !isSummary(errOut) {
		e.t.Errorf("%q: exit code %d, printed %q and %q", args, code, out, errOut)
	}
}

// synced-at is when a list was current to the second. It was so at the beginning of that second at
// the earliest, and a time without fractions may be up to a second later than it says.
func TestSinceToTheSecond(t *testing.T) {
	e := newExports(t)
	second := time.Now().Truncate(time.Second)
	e.publish("one", "registry-pins", syncedAt(second), "staging")
	for name, test := range map[string]struct {
		since time.Time
		want  string
	}{
		"a second before":          {second.Add(-time.Second), ""},
		"just before":              {second.Add(-time.Millisecond), ""},
		"at the same second":       {second, at(second.Add(time.Second))},
		"later in the same second": {second.Add(time.Millisecond), at(second.Add(time.Second))},
		"a second later":           {second.Add(time.Second), at(second.Add(2 * time.Second))},
	} {
		t.Run(name, func(t *testing.T) {
			e.t = t
			args := []string{"--pinsync-namespace", "one", "--since", at(test.since), "--wait", "0"}
			if test.want == "" {
				e.exported(args...)
				return
			}
			e.refuses(3, "the list registry-pins was last known to be current at "+at(second)+", and "+test.want+
				" or later is needed, as the pods had been read at "+test.since.UTC().Format(time.RFC3339)+": is pinsync running?", args...)
		})
	}
	e.t = t
	// Any notation of a time will do.
	e.exported("--pinsync-namespace", "one", "--since", second.Add(-time.Second).In(time.FixedZone("", 5*60*60)).Format(time.RFC3339))
	for since, want := range map[string]string{
		"yesterday":           `--since "yesterday": want a time such as 2006-01-02T15:04:05Z`,
		"2026-11-26 03:00:00": `--since "2026-11-26 03:00:00": want a time`,
		"":                    "--since is empty",
	} {
		e.refuses(2, want, "--pinsync-namespace", "one", "--since", since)
	}
	e.refuses(2, "--wait -1s: want 0 or more", "--pinsync-namespace", "one", "--since", at(second), "--wait", "-1s")
	// The API server gives its time in whole seconds, so the seconds of the difference vary.
	for _, want := range []string{"Z, which is 1h", "s after the time of the API server: is this host's clock right?"} {
		e.refuses(3, want, "--pinsync-namespace", "one", "--since", at(time.Now().Add(90*time.Minute)))
	}
}

// Every list must be current, and complete.
func TestSinceOfEveryList(t *testing.T) {
	e := newExports(t)
	since := at(time.Now().Add(-time.Minute))
	e.publish("one", "registry-pins", nil, "staging")
	e.publish("one", "west", syncedAt(time.Now().Add(-2*time.Minute)), "west")
	e.refuses(3, "the list west was last known to be current at", "--pinsync-namespace", "one", "--name", "registry-pins", "--name", "west",
		"--since", since, "--wait", "0")
	e.publish("two", "registry-pins", func(o *corev1.ConfigMap) { o.Annotations["pinsync.oleks.space/complete"] = "false" }, "staging")
	e.report("two", `{"problems":[{"reason":"ReadFailed","object":"ImagePolicies","message":"forbidden"}]}`)
	e.refuses(3, "is incomplete: ImagePolicies: forbidden (waited 1s)\n", "--pinsync-namespace", "two", "--since", since, "--wait", "1s")
	e.refuses(3, "namespace nowhere: there is no list registry-pins", "--pinsync-namespace", "nowhere", "--since", since)
}

// step is a change of the list that is made as soon as a condition is met.
type step struct {
	met    func(*corev1.ConfigMap) bool
	change func(*corev1.ConfigMap)
}

// changes changes the list of the namespace one, step after step; done waits for the last.
func (e *exports) changes(steps ...step) (done func()) {
	var running sync.WaitGroup
	ctx := context.WithoutCancel(e.t.Context())
	running.Go(func() {
		for _, step := range steps {
			isMet := false
			err := local.Until(ctx, localtest.Timeout, func(context.Context) (bool, string) {
				list := &corev1.ConfigMap{}
				err := e.client.Get(ctx, client.ObjectKey{Namespace: "one", Name: "registry-pins"}, list)
				isMet = isMet || err == nil && step.met(list)
				if !isMet {
					return false, fmt.Sprint(err, list.Annotations)
				}
				step.change(list)
				err = e.client.Update(ctx, list)
				return err == nil, fmt.Sprint(err)
			})
			if err != nil {
				e.t.Error(err)
			}
		}
	})
	return running.Wait
}

// requested returns a condition that is met whenever there is another request than before.
func (e *exports) requested() func(*corev1.ConfigMap) bool {
	last := e.list().Annotations[requestedAt]
	return func(o *corev1.ConfigMap) bool {
		before := last
		last = o.Annotations[requestedAt]
		return last != before
	}
}

func renew(o *corev1.ConfigMap) { syncedAt(time.Now())(o) }

// export asks for a renewal, and waits for it.
func TestSinceWaits(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", syncedAt(time.Now().Add(-time.Hour)), "staging")
	since := time.Now()
	done := e.changes(step{e.requested(), func(o *corev1.ConfigMap) {
		asked, err := time.Parse(time.RFC3339, o.Annotations[requestedAt])
		if err != nil || asked.Before(since) {
			t.Errorf("the request is %q, %v", o.Annotations[requestedAt], err)
		}
		renew(o)
	}})
	e.exported("--pinsync-namespace", "one", "--since", at(since))
	done()

	// The controller's clock is behind: it answers the first request with a time that does not
	// suffice, and is asked again.
	since = time.Now()
	requested := e.requested()
	done = e.changes(step{requested, syncedAt(since.Add(-time.Second))}, step{requested, renew})
	// That takes seconds, and it says so.
	if code, _, errOut := e.run("--pinsync-namespace", "one", "--since", at(since)); code != 0 || len(waiting.FindAllString(errOut, -1)) != 1 || !isSummary(errOut) {
		t.Errorf("exit code %d, printed %q", code, errOut)
	}
	done()

	// A list that is being written in several ConfigMaps, or restored, is damaged for a moment.
	since = time.Now()
	pins := e.list().Data["registry-pins.txt"]
	done = e.changes(step{e.requested(), func(o *corev1.ConfigMap) { o.Data["registry-pins.txt"] = "" }},
		step{func(*corev1.ConfigMap) bool { return true }, func(o *corev1.ConfigMap) {
			o.Data["registry-pins.txt"] = pins
			renew(o)
		}})
	e.exported("--pinsync-namespace", "one", "--since", at(since))
	done()
}

func (e *exports) list() *corev1.ConfigMap {
	e.t.Helper()
	list := &corev1.ConfigMap{}
	localtest.Must(e.t, e.client.Get(e.t.Context(), client.ObjectKey{Namespace: "one", Name: "registry-pins"}, list))
	return list
}

// TIME is of this host's clock. If that is behind the API server's, it was later than it says.
func TestSinceOfAHostWhoseClockIsBehind(t *testing.T) {
	e := newExports(t)
	f := e.behind(e.config)
	f.setDate(ahead(5 * time.Minute))
	e.publish("one", "registry-pins", syncedAt(time.Now().Add(4*time.Minute)), "staging")
	e.refuses(3, " is needed, ", "--pinsync-namespace", "one", "--since", at(time.Now()), "--wait", "0")
	e.exported("--pinsync-namespace", "one", "--since", at(time.Now().Add(-2*time.Minute)), "--wait", "0")
}

// With the permissions of config/components/cleaner-access and a real controller, a list is renewed
// long before its heartbeat. Without the permission to patch it, export waits for that.
func TestSinceWithPermissionsOfTheCleaner(t *testing.T) {
	d := deploy(t)
	d.kubectl("apply", "-k", "config/components/cleaner-access")
	d.configure("heartbeat: 1h")
	r := d.start()
	localtest.Must(t, local.Load(t.Context(), d.client, "../../config/samples"))
	d.expect("true", "production", "staging")
	cleaner, err := d.plane.KubeconfigOf(t.Context(), "pinsync-cleaner")
	localtest.Must(t, err)
	export := func(args ...string) (code int, errOut string) {
		code, out, errOut := pinsync(t, "", append([]string{"export", "--kubeconfig", cleaner, "--since", at(time.Now())}, args...)...)
		if code == 0 && out != "container/cms-plugins==production\ncontainer/cms-plugins==staging\n" {
			t.Errorf("printed %q", out)
		}
		return code, errOut
	}
	for range 2 {
		if code, errOut := export(); code != 0 || !isSummary(errOut) {
			t.Errorf("exit code %d, printed %q", code, errOut)
		}
	}
	d.checkPermissions()

	d.kubectl("-n", "pinsync-system", "patch", "role", "pinsync-cleaner", "--type=json", "-p", `[{"op":"remove","path":"/rules/1"}]`)
	const forbidden = ": no permission to ask for a renewal of the list registry-pins, waiting for its heartbeat: "
	code, errOut := export("--wait", "3s")
	if code != 3 || strings.Count(errOut, forbidden) != 1 || strings.Count(waiting.ReplaceAllString(errOut, ""), "\n") != 2 || !strings.Contains(errOut, ": is pinsync running? (waited 3s)\n") {
		t.Errorf("exit code %d, printed %q", code, errOut)
	}
	r.Stop()
	d.configure("heartbeat: 1s")
	r = d.start()
	if code, errOut := export(); code != 0 || strings.Count(waiting.ReplaceAllString(errOut, ""), "\n") > 2 {
		t.Errorf("exit code %d, printed %q", code, errOut)
	}
	r.Stop()
	if code, errOut := export("--wait", "1s"); code != 3 || !strings.Contains(errOut, "is pinsync running?") {
		t.Errorf("exit code %d, printed %q", code, errOut)
	}
}

// checkPermissions checks that the cleaner may patch the list's first ConfigMap alone.
func (d *deployment) checkPermissions() {
	d.t.Helper()
	for object, want := range map[string]bool{"registry-pins": true, "registry-pins-report": false, "registry-pins-1": false} {
		_, err := d.plane.Kubectl(d.t.Context(), "auth", "can-i", "patch", "configmaps/"+object, "-n", "pinsync-system",
			"--as=system:serviceaccount:pinsync-system:pinsync-cleaner")
		if (err == nil) != want {
			d.t.Errorf("the cleaner may patch %s: %v, want %t", object, err, want)
		}
	}
}
