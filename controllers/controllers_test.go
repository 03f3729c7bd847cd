package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

const app = "git.example.com/team/app"

func TestEmptyClusterGivesAnEmptyList(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	configMap := w.expect().list
	if configMap.Annotations["pinsync.oleks.space/complete"] != "true" {
		t.Errorf("annotations are %v", configMap.Annotations)
	}
}

func TestReleaseFromCreationToDeletion(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values(app + ":v2") })
	w.expect("v2")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = false })
	w.expect()
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	w.expect("v1", "v2") // it may have run both
	if err := w.client.DeleteAllOf(t.Context(), &helmv2.HelmRelease{}, client.InNamespace(w.apps)); err != nil {
		t.Fatal(err)
	}
	w.expect()
}

func TestPolicyFromCreationToDeletion(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.follow(w.apps, "^(staging|production)$")
	w.expect("production", "staging", "v1")
	w.resolve(w.apps, "staging", metav1.ConditionTrue, "resolved")
	w.expect("staging", "v1")
	w.resolve(w.apps, "production", metav1.ConditionTrue, "resolved")
	if got := w.expect("production", "v1").report.Releases[0]; !slices.Equal(got.Policies, []string{w.apps + "/app"}) || len(got.Problems) != 0 {
		t.Errorf("the report has %+v", got)
	}
	change(w, &imagev1.ImageRepository{}, w.apps, "app", func(r *imagev1.ImageRepository) { r.Spec.Image = "git.example.com/team/other" })
	w.until(func(ctx context.Context) (bool, string) {
		pins := w.list(ctx).Data["registry-pins.txt"]
		return strings.Contains(pins, "container/other==staging\n") && strings.Contains(pins, "container/app==production\n"), pins
	})
	if err := w.client.DeleteAllOf(t.Context(), &imagev1.ImagePolicy{}, client.InNamespace(w.apps)); err != nil {
		t.Fatal(err)
	}
	// Of the image that the policy followed last no other tag is known: those are kept.
	w.report(func(p *published) (bool, string) {
		var needed []string
		for i := range p.report.Pins {
			if p.report.Pins[i].State == v1alpha1.PinNeeded {
				needed = append(needed, p.report.Pins[i].Pin)
			}
		}
		return slices.Equal(needed, []string{"container/app==v1", "container/other==production", "container/other==staging"}), fmt.Sprint(needed)
	})
}

// The tag vanished from the registry: the policy is not ready and
// keeps what it had resolved to. That tag is needed all the same.
func TestPolicyLosesItsTag(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.follow(w.apps, "^main-")
	w.resolve(w.apps, "main-1", metav1.ConditionTrue, "resolved")
	w.expect("main-1", "v1")
	w.resolve(w.apps, "main-1", metav1.ConditionFalse, "version list argument cannot be empty")
	w.expectInReport("version list argument cannot be empty")
	w.expect("main-1", "v1")
}

func TestPolicyInAnotherNamespace(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	other := w.apps + "-flux"
	w.createNamespace(other)
	w.suspend("web", app+":v1")
	w.follow(other, "^main-")
	w.resolve(other, "main-1", metav1.ConditionTrue, "resolved")
	w.expect("main-1", "v1")
}

func TestAnnotations(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	namespace := func(value string) {
		t.Helper()
		change(w, &corev1.Namespace{}, "", w.apps, func(n *corev1.Namespace) { annotate(n, value) })
	}
	release := func(value string) {
		t.Helper()
		w.changeRelease(func(r *helmv2.HelmRelease) { annotate(r, value) })
	}
	w.suspend("web", app+":v1")
	w.expect("v1")
	namespace("disabled")
	w.expect()
	release("enabled")
	w.expect("v1")
	release("disabled")
	namespace("enabled")
	w.expect()
	release("")
	w.expect("v1")
	namespace("")
	w.expect("v1")
}

func annotate(o client.Object, value string) {
	annotations := o.GetAnnotations()
	delete(annotations, "pinsync.oleks.space/sync")
	if value != "" {
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations["pinsync.oleks.space/sync"] = value
	}
	o.SetAnnotations(annotations)
}

// A value that the annotation does not take protects the releases, and gets an event
// on the object that has it: once. kubectl finds that of a Namespace.
func TestInvalidAnnotationIsRecorded(t *testing.T) {
	w := newWorld(t)
	options := w.options()
	options.Pins.NamespacesDisabled = true
	w.start(options)
	w.suspend("web", app+":v1")
	w.expect()
	change(w, &corev1.Namespace{}, "", w.apps, func(n *corev1.Namespace) { annotate(n, "on") })
	w.expect("v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { annotate(r, "off") })
	const note = `metadata.annotations[pinsync.oleks.space/sync]: "%s" is not a value of pinsync.oleks.space/sync, want enabled or disabled; taken as enabled`
	w.expectProblemEvents(
		"Warning InvalidAnnotation HelmRelease "+fmt.Sprintf(note, "off"),
		"Warning InvalidAnnotation Namespace "+fmt.Sprintf(note, "on"),
	)
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values(app + ":v2") })
	w.expect("v2")
	w.expectProblemEvents(
		"Warning InvalidAnnotation HelmRelease "+fmt.Sprintf(note, "off"),
		"Warning InvalidAnnotation Namespace "+fmt.Sprintf(note, "on"),
	)
	// A name that is mistyped has one, too, although the release is not protected.
	w.changeRelease(func(r *helmv2.HelmRelease) {
		r.Annotations = map[string]string{"pinsync.oleks.space/sync": "disabled", "pinsync.oleks.space/synch": "enabled"}
	})
	w.expectProblemEvents(
		"Warning InvalidAnnotation HelmRelease metadata.annotations: there is no annotation pinsync.oleks.space/synch for a HelmRelease: "+
			"known are pinsync.oleks.space/sync, pinsync.oleks.space/image-policies; the release is not protected",
		"Warning InvalidAnnotation HelmRelease "+fmt.Sprintf(note, "off"),
		"Warning InvalidAnnotation Namespace "+fmt.Sprintf(note, "on"),
	)
	if events, err := w.plane.Kubectl(t.Context(), "-n", w.apps, "events", "--for", "namespace/"+w.apps); err != nil || strings.Count(events, "InvalidAnnotation") != 1 {
		t.Errorf("kubectl prints %v %s", err, events)
	}
}

// An image without a pin gets an event on the release, once.
func TestUnresolvedIsRecorded(t *testing.T) {
	w := newLoneWorld(t)
	w.start(w.options())
	w.suspend("web", "no image")
	want := []string{
		"Warning Unresolved HelmRelease nothing is pinned for this release: no image with a tag was found in it",
		`Warning Unresolved HelmRelease spec.values.image: "no image" is not an image reference, want host/path:tag`,
	}
	w.expectProblemEvents(want...)
	w.suspend("other", app+":v1")
	w.expect("v1")
	w.expectProblemEvents(want...)
	metric := gather(t, "pinsync_problems")
	if metric["NoPin"] != 1 || metric["InvalidReference"] != 1 {
		t.Errorf("the metric is %v", metric)
	}
}

func TestSomebodyEditsTheConfigMap(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins", func(c *corev1.ConfigMap) {
		c.Data["registry-pins.txt"] = ""
		c.Data["report.json"] = "{"
		c.Data["theirs.txt"] = "kept"
		c.Annotations["theirs"] = "kept"
		c.Annotations["pinsync.oleks.space/complete"] = "false"
		delete(c.Annotations, "pinsync.oleks.space/checksum")
		delete(c.Labels, "pinsync.oleks.space/pins")
	})
	w.until(func(ctx context.Context) (bool, string) {
		c := w.list(ctx)
		_, hasReport := c.Data["report.json"]
		return c.Data["registry-pins.txt"] == "container/app==v1\n" && !hasReport &&
			c.Data["theirs.txt"] == "kept" && c.Annotations["theirs"] == "kept" &&
			c.Annotations["pinsync.oleks.space/complete"] == "true" && c.Annotations["pinsync.oleks.space/checksum"] != "" &&
			c.Labels["pinsync.oleks.space/pins"] == "true", fmt.Sprint(c)
	})
	// A time that is to come would keep the heartbeat away for as long.
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins", func(c *corev1.ConfigMap) {
		c.Annotations["pinsync.oleks.space/synced-at"] = "2999-01-01T00:00:00Z"
	})
	w.until(func(ctx context.Context) (bool, string) {
		syncedAt := w.list(ctx).Annotations["pinsync.oleks.space/synced-at"]
		return syncedAt < "2999", syncedAt
	})
	// A key cannot be both text and binary; what is pinsync's becomes text again.
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins", func(c *corev1.ConfigMap) {
		delete(c.Data, "registry-pins.txt")
		c.BinaryData = map[string][]byte{"registry-pins.txt": {0xff}, "theirs.bin": {0xff}}
	})
	w.until(func(ctx context.Context) (bool, string) {
		c := w.list(ctx)
		return c.Data["registry-pins.txt"] == "container/app==v1\n" && len(c.BinaryData) == 1 && c.Data["theirs.txt"] == "kept", fmt.Sprint(c)
	})
	w.remove(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: "registry-pins"}})
	w.expect("v1")
}

// Changes that say nothing about tags cause no write: the one write behind them
// is that of the change that does.
func TestNothingToWrite(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.follow(w.apps, "^main-")
	w.resolve(w.apps, "main-1", metav1.ConditionTrue, "resolved")
	before := w.expect("main-1", "v1")
	change(w, &corev1.Namespace{}, "", w.apps, func(n *corev1.Namespace) { n.Labels["a"] = "b" })
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Labels = map[string]string{"a": "b"} })
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Interval.Duration = time.Minute })
	w.resolve(w.apps, "main-1", metav1.ConditionTrue, "resolved once more")
	release := &helmv2.HelmRelease{}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.apps, Name: "web"}, release); err != nil {
		t.Fatal(err)
	}
	release.Status.Failures = 3
	if err := w.client.Status().Update(t.Context(), release); err != nil {
		t.Fatal(err)
	}
	w.create(&helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "running"},
		Spec: helmv2.HelmReleaseSpec{
			ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"},
			Values:   values(app + ":running"), Interval: metav1.Duration{Duration: time.Hour},
		},
	})
	w.suspend("other", app+":v2")
	after := w.expect("main-1", "v1", "v2")
	lists, reports := len(w.between(before.list, after.list)), len(w.between(before.object, after.object))
	if lists != 1 || reports != 1 {
		t.Errorf("%d writes of the list and %d of the report, want one of each", lists, reports)
	}
}

func TestHeartbeat(t *testing.T) {
	w := newWorld(t)
	options := w.options()
	options.Heartbeat = time.Second
	w.start(options)
	w.suspend("web", app+":v1")
	first := w.expect("v1")
	w.until(func(ctx context.Context) (bool, string) {
		now := w.list(ctx)
		return now.Annotations["pinsync.oleks.space/synced-at"] > first.list.Annotations["pinsync.oleks.space/synced-at"],
			fmt.Sprint(now.Annotations)
	})
	if now := w.current(); now.object.ResourceVersion != first.object.ResourceVersion {
		t.Errorf("the report was written again, from %s to %s", first.object.Data["report.json"], now.object.Data["report.json"])
	}
}

// A controller that starts again takes up what changed while it was away, and
// writes nothing where nothing did.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.options())
	w.suspend("web", app+":v1")
	before := w.expect("v1")
	stop()
	stop = w.start(w.options())
	w.suspend("marker", app+":v2")
	after := w.expect("v1", "v2")
	for _, version := range w.between(before.list, after.list) {
		if got := version.Data["registry-pins.txt"]; !strings.Contains(got, "==v1\n") {
			t.Errorf("version %s is %q", version.ResourceVersion, got)
		}
	}
	stop()
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = false })
	w.suspend("new", app+":v3")
	w.start(w.options())
	w.expect("v2", "v3")
}

// Without Flux's image automation the releases' own tags are listed; once it is
// installed, its policies are taken up. Without HelmRelease nothing is written.
func TestKindsAppearLater(t *testing.T) {
	t.Parallel()
	bare := localtest.StartControlPlane(t)
	w := newWorldOn(t, bare)
	options := w.options()
	options.HealthAddress = localtest.FreeAddress(t)
	w.start(options)
	ready := func(ctx context.Context) (bool, string) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+options.HealthAddress+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, err.Error()
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK, response.Status
	}
	w.until(func(ctx context.Context) (bool, string) {
		_, status := ready(ctx)
		return strings.HasPrefix(status, "500"), status
	})
	if err := bare.InstallFlux(t.Context(), "helm.toolkit.fluxcd.io"); err != nil {
		t.Fatal(err)
	}
	if len(w.list(t.Context()).Data) != 0 {
		t.Error("there is a list although nothing is known of HelmReleases")
	}
	w.suspend("web", app+":v1")
	now := w.expect("v1")
	w.until(ready)
	if text := now.object.Data["report.json"]; !strings.Contains(text, "the cluster does not serve image.toolkit.fluxcd.io/v1") {
		t.Errorf("the report does not say that policies are missing: %s", text)
	}
	if now.list.Annotations["pinsync.oleks.space/complete"] != "true" {
		t.Errorf("annotations are %v", now.list.Annotations)
	}
	if err := bare.InstallFlux(t.Context(), "image.toolkit.fluxcd.io"); err != nil {
		t.Fatal(err)
	}
	w.follow(w.apps, "^main$")
	if problems := w.expect("main", "v1").report.Problems; len(problems) != 0 {
		t.Errorf("problems are %v", problems)
	}
}
