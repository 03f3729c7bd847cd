package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers"
)

// A release that was read from the API server before one of its pins was removed is not read again afterwards: what is
// known of it besides the cache stays known.
func TestConfirmedReleaseIsNotReadAgain(t *testing.T) {
	w := newWorld(t)
	var reads atomic.Int32
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, w.apps+"/helmreleases/web") {
			reads.Add(1)
		}
		return next.RoundTrip(request)
	})
	w.start(w.hasty())
	w.suspendWith("web", 2)
	w.until(w.lists("container/web==v000000\ncontainer/web==v000001\n"))
	w.resume()
	w.becomeReady()
	w.expectInReport("no pod in " + w.apps + " runs it")
	w.run("git.example.com/team/web:v000000")
	w.until(w.lists("container/web==v000001\n"))
	before := reads.Load()
	w.suspend("other", "git.example.com/team/other:v1") // a pass after the one that has removed the pin
	w.until(w.lists("container/other==v1\ncontainer/web==v000001\n"))
	if after := reads.Load(); before == 0 || after != before {
		t.Errorf("it was read %d times, and %d times afterwards", before, after-before)
	}
}

// hasty are options with a grace that a test can wait for.
func (w *world) hasty() controllers.Options {
	options := w.options()
	options.Pins.Grace = 2 * time.Second
	return options
}

func (w *world) resume() {
	w.t.Helper()
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = false })
}

// becomeReady sets what helm-controller sets once the release web is there.
func (w *world) becomeReady() {
	w.t.Helper()
	release := &helmv2.HelmRelease{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.apps, Name: "web"}, release); err != nil {
		w.t.Fatal(err)
	}
	release.Status.ObservedGeneration = release.Generation
	apimeta.SetStatusCondition(&release.Status.Conditions, metav1.Condition{
		Type: meta.ReadyCondition, Status: metav1.ConditionTrue, Reason: "InstallSucceeded", ObservedGeneration: release.Generation,
	})
	if err := w.client.Status().Update(w.t.Context(), release); err != nil {
		w.t.Fatal(err)
	}
}

// run creates a pod with an image, and returns what deletes it.
func (w *world) run(image string) (end func()) {
	w.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, GenerateName: "web-"},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "init", Image: "git.example.com/team/init:v1"}},
			Containers:     []corev1.Container{{Name: "web", Image: image}},
		},
	}
	w.runPod(pod)
	return func() {
		w.t.Helper()
		if err := w.client.Delete(w.t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// runPod creates a pod whose containers have started.
func (w *world) runPod(pod *corev1.Pod) {
	w.t.Helper()
	w.create(pod)
	pod.Status.Phase = corev1.PodRunning
	if err := w.client.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(o client.Object) {
	w.t.Helper()
	if o.GetNamespace() == w.own {
		w.removed[o.GetName()] = true
	}
	if err := w.client.Delete(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// gone waits until nothing is listed.
func (w *world) gone() {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		pins, written := w.list(ctx).Data["registry-pins.txt"]
		return written && pins == "", pins
	})
}

// A resumed release keeps its pin until a pod carries it, not only until Flux reports
// Ready.
func TestResume(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.resume()
	if got := w.expectHeld("v1").report.Releases; len(got) != 1 || got[0].State != v1alpha1.ReleaseResuming || !slices.Equal(got[0].Pins, []string{"container/app==v1"}) {
		t.Errorf("the report has %+v", got)
	}
	w.expectInReport("is not Ready at its current generation")
	w.becomeReady()
	w.expectInReport("no pod in " + w.apps + " runs it")
	end := w.run(app + ":v2")
	w.run("git.example.com/other/app:v1")
	w.expectInReport("no pod in " + w.apps + " runs it")
	end()
	w.run(app + ":v1@sha256:0123456789012345678901234567890123456789012345678901234567890123")
	w.expectInReport("no release needs it; removed at")
	w.gone()
}

func TestResumeWithReadyAsProof(t *testing.T) {
	w := newWorld(t)
	options := w.hasty()
	options.Pins.ReadyIsProof = true
	requests := countReads(t, w)
	w.start(options)
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.resume()
	w.expectInReport("is not Ready at its current generation")
	w.becomeReady()
	w.gone()
	for path := range requests() {
		if strings.HasSuffix(path, "/pods") {
			t.Errorf("%s was read", path)
		}
	}
}

// A pod in an init container, in the namespace that the release names, proves it; only
// that namespace is looked at.
func TestPodsOfTheTargetNamespace(t *testing.T) {
	w := newWorld(t)
	requests := countReads(t, w)
	w.start(w.hasty())
	w.suspend("web", "git.example.com/team/init:v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.TargetNamespace = w.own })
	w.expectInReport("container/init==v1")
	w.resume()
	w.becomeReady()
	w.run(app + ":v1")
	w.expectInReport("no pod in " + w.own + " runs it")
	w.runPod(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: "web"}, Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "init", Image: "git.example.com/team/init:v1"}},
		Containers:     []corev1.Container{{Name: "web", Image: "nginx"}},
	}})
	w.gone()
	for path := range requests() {
		if strings.HasSuffix(path, "/pods") && path != "/api/v1/namespaces/"+w.own+"/pods" {
			t.Errorf("%s was read", path)
		}
	}
}

// What is held is held by the next controller, too, and where somebody has deleted or
// broken the list while one was running.
func TestHoldIsRemembered(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.resume()
	since := *w.expectHeld("v1").report.Pins[0].HeldSince
	stop()
	stop = w.start(w.options())
	w.suspend("marker", app+":marker")
	w.expect("marker")
	for _, name := range []string{"registry-pins", "registry-pins-report"} {
		w.remove(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: name}})
		w.expectHeld("v1")
		change(w, &corev1.ConfigMap{}, w.own, name, func(c *corev1.ConfigMap) { c.Data = nil })
		w.expectHeld("v1")
	}
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins-report", func(c *corev1.ConfigMap) { c.Data["report.json"] = "{" })
	if r := w.expectHeld("v1").report; r.OwnersUnknown || len(r.Pins) != 2 || *r.Pins[1].HeldSince != since {
		t.Errorf("held since %s, and the report is %+v", since, r)
	}
	stop()

	// Broken while nobody ran, too, nothing is removed.
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins-report", func(c *corev1.ConfigMap) { c.Data["report.json"] = "{" })
	w.start(w.options())
	owner := "held for HelmRelease/" + w.apps + "/web"
	w.report(func(p *published) (bool, string) {
		return strings.Contains(p.owners("v1"), owner) && !p.report.OwnersUnknown, p.owners("v1")
	})
}

// A list that was written before pins were held, or by a later version, is taken up.
func TestListOfAnotherVersion(t *testing.T) {
	for name, text := range map[string]string{
		"older": `{"kind":"PinReport","pins":[{"pin":"container/app==v1","image":"git.example.com/team/app:v1","state":"Needed",
			"neededBy":["%s/web"],"via":["spec.values.image"],"heldSince":null,"heldBecause":null}],"releases":[],"problems":["a"]}`,
		"newer": `{"apiVersion":"pinsync.oleks.space/v2","kind":"PinReport","clusters":[{"name":"a"}],"pins":[{"pin":"container/app==v1",
			"image":"git.example.com/team/app:v1","state":"Awaited","digest":{"sha256":"x"},"neededBy":["%s/web"],"via":[],"heldFor":[]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.suspend("web", app+":v1")
			w.resume()
			written := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: "registry-pins"},
				Data:       map[string]string{"registry-pins.txt": "container/app==v1\n", "report.json": fmt.Sprintf(text, w.apps)},
			}
			w.create(written)
			w.edits[written.ResourceVersion] = true
			w.start(w.hasty())
			w.expectInReport("is not Ready at its current generation")
			if r := w.expectHeld("v1").report; r.OwnersUnknown || len(r.Pins[0].HeldFor) != 1 || r.Pins[0].HeldFor[0].Owner != "HelmRelease/"+w.apps+"/web" {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// A cache that is behind removes no pin: before that, the API server itself is asked.
func TestRemovalIsConfirmed(t *testing.T) {
	w := newWorld(t)
	options := w.hasty()
	options.Pins.ReadyIsProof = true
	confirmed := make(chan struct{})
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, w.apps+"/helmreleases/web") {
			select {
			case <-confirmed:
			default:
				close(confirmed)
			}
			return nil, fmt.Errorf("no answer, for a test")
		}
		return next.RoundTrip(request)
	})
	w.start(options)
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.resume()
	w.expectHeld("v1")
	w.becomeReady()
	<-confirmed
	w.expectInReport("no answer, for a test")
	w.expectComplete("false")
	w.expectHeld("v1")
}

// Pods that cannot be listed keep the list from being complete, and the pin in it.
func TestPodsCannotBeListed(t *testing.T) {
	w := newLoneWorld(t)
	refused := &refusals{resource: "pods"}
	refused.wrap(w)
	refused.set(true)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.run(app + ":v1")
	w.resume()
	w.becomeReady()
	w.expectComplete("false")
	w.expectInReport("Pods in " + w.apps)
	w.expectHeld("v1")
	w.until(func(context.Context) (bool, string) { // it is set after the list is written
		metric := gather(t, "pinsync_problems")
		return metric["ReadFailed"] == 1, fmt.Sprintf("the metric is %v", metric)
	})
	refused.set(false)
	w.gone()
	w.expectComplete("true")
}

// The time of a list is that of its last complete view.
func TestIncompleteListIsNotFresh(t *testing.T) {
	w := newWorld(t)
	options := w.options()
	options.Heartbeat = time.Second
	refused := &refusals{resource: "imagepolicies"}
	refused.wrap(w)
	w.start(options)
	w.suspend("web", app+":v1")
	w.expect("v1")
	refused.set(true)
	w.expectComplete("false")
	before := w.list(t.Context())
	w.suspend("more", app+":v2")
	w.expect("v1", "v2")
	w.suspend("other", app+":v3")
	after := w.expect("v1", "v2", "v3").list
	const key = "pinsync.oleks.space/synced-at"
	if before.Annotations[key] != after.Annotations[key] {
		t.Errorf("it was renewed from %s to %s", before.Annotations[key], after.Annotations[key])
	}
	refused.set(false)
	w.expectComplete("true")
	w.until(func(ctx context.Context) (bool, string) {
		now := w.list(ctx).Annotations[key]
		return now > after.Annotations[key], now
	})
}

// Names that the CRD takes and no object can have stand for what does not exist. They
// keep nobody's list from being complete.
func TestImpossibleNames(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	for i, name := range []string{"a/b", "..", "a%b"} {
		w.suspendFrom(fmt.Sprint("source-", i), "ConfigMap", name, false)
		w.expectInReport("ConfigMap " + name + " does not exist")
	}
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.TargetNamespace = "a/b" })
	w.expect("v1")
	w.resume()
	w.becomeReady()
	w.expectInReport("no pod in a/b runs it")
	w.expectComplete("true")
}

// When one pin goes, all is read from the API server itself; what others need, also that
// which only a policy knows, is found there, too.
func TestRemovalLeavesTheOthers(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.follow(w.apps, "^v")
	w.resolve(w.apps, "v2", metav1.ConditionTrue, "")
	w.suspend("other", app+":other")
	before := w.expect("other", "v1", "v2")
	w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "other"}})
	w.until(w.lists("container/app==v1\ncontainer/app==v2\n"))
	for _, version := range w.between(before.object, w.current().object) {
		for _, entry := range joinReports(t, []*corev1.ConfigMap{version}).Pins {
			if entry.Pin != "container/app==other" && entry.State != v1alpha1.PinNeeded {
				t.Errorf("version %s: %s is %s", version.ResourceVersion, entry.Pin, entry.State)
			}
		}
	}
}
