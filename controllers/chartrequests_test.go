package controllers_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers"
)

// withRequests are options of a controller that makes HelmCharts, too.
func (w *world) withRequests() controllers.Options {
	w.t.Helper()
	options := w.withCharts()
	options.CreateHelmCharts = true
	return options
}

// chartOfWeb waits until the HelmChart of release web meets a condition, and returns it.
func (w *world) chartOfWeb(condition func(*unstructured.Unstructured) bool) *unstructured.Unstructured {
	w.t.Helper()
	o := w.helmChart("web")
	w.until(func(ctx context.Context) (bool, string) {
		err := w.client.Get(ctx, client.ObjectKeyFromObject(o), o)
		return err == nil && condition(o), fmt.Sprint(err, o.Object)
	})
	return o
}

func (w *world) isRequested(o *unstructured.Unstructured) bool {
	return o.GetLabels()[v1alpha1.RequestedByLabel] == w.own+".registry-pins"
}

// isGone waits until there is no HelmChart of release web.
func (w *world) isGone() {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		err := w.client.Get(ctx, client.ObjectKeyFromObject(w.helmChart("web")), w.helmChart("web"))
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
}

// takeOver applies the HelmChart of release web as helm-controller does at a resume.
func (w *world) takeOver(version string) *unstructured.Unstructured {
	w.t.Helper()
	o := w.helmChart("web")
	o.Object["spec"] = map[string]any{
		"chart": "web", "version": version, "interval": "1h0m0s", "reconcileStrategy": "ChartVersion",
		"sourceRef": map[string]any{"kind": "HelmRepository", "name": "charts"},
	}
	err := w.client.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("helm-controller"), client.ForceOwnership)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// A release that was created suspended gets the HelmChart that helm-controller would make, and what its
// chart names is pinned. It is changed with the release, and at the resume helm-controller takes it over
// without another change. From then on pinsync leaves it alone.
func TestRequestedChart(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	w.release("web", `{}`, helmRepository, func(r *helmv2.HelmRelease) {
		r.Spec.Chart.ObjectMeta = &helmv2.HelmChartTemplateObjectMeta{Labels: map[string]string{"team": "shop"}, Annotations: map[string]string{"note": "x"}}
		r.Spec.Chart.Spec.ValuesFiles, r.Spec.Chart.Spec.IgnoreMissingValuesFiles = []string{"values.yaml"}, true
		r.Spec.Chart.Spec.Interval = &metav1.Duration{Duration: 90 * time.Second}
		r.Spec.Chart.Spec.Verify = &helmv2.HelmChartTemplateVerification{Provider: "cosign"}
	})
	w.start(w.withRequests())
	chart := w.chartOfWeb(w.isRequested)
	want := map[string]any{
		"chart": "web", "version": "1.x", "interval": "1m30s", "reconcileStrategy": "ChartVersion",
		"sourceRef":   map[string]any{"kind": "HelmRepository", "name": "charts"},
		"valuesFiles": []any{"values.yaml"}, "ignoreMissingValuesFiles": true, "verify": map[string]any{"provider": "cosign"},
	}
	if got := chart.Object["spec"]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("its spec is %v, want %v", got, want)
	}
	labels := w.helmChart("web").GetLabels()
	labels["team"], labels[v1alpha1.RequestedByLabel] = "shop", w.own+".registry-pins"
	if got := chart.GetLabels(); !maps.Equal(got, labels) || chart.GetAnnotations()["note"] != "x" {
		t.Errorf("its labels are %v, and its annotations %v", got, chart.GetAnnotations())
	}
	w.report(func(p *published) (bool, string) {
		complete := p.list.Annotations[v1alpha1.CompleteAnnotation]
		return complete == "false" && strings.Contains(p.object.Data["report.json"], "Flux has not fetched HelmChart"), "complete: " + complete
	})

	chart.Object["status"] = map[string]any{"conditions": []any{map[string]any{
		"type": "Ready", "status": "False", "reason": "x", "message": "no such version", "lastTransitionTime": "2026-01-01T00:00:00Z",
	}}}
	if err := w.client.Status().Update(t.Context(), chart); err != nil {
		t.Fatal(err)
	}
	w.report(func(p *published) (bool, string) {
		complete := p.list.Annotations[v1alpha1.CompleteAnnotation]
		return complete == "true" && strings.Contains(p.object.Data["report.json"], "is not ready: no such version"), "complete: " + complete
	})
	w.provide(w.helmChart("web"), nil, served.put("web-1.0.0.tgz", chartOf(t, "1.0.0", chartImage)))
	w.expect("1.0.0")

	w.changeRelease(func(r *helmv2.HelmRelease) {
		template := &r.Spec.Chart.Spec
		r.Spec.Chart.ObjectMeta, template.ValuesFiles, template.IgnoreMissingValuesFiles, template.Interval, template.Verify = nil, nil, false, nil, nil
		template.Version = "2.x"
	})
	changed := w.chartOfWeb(func(o *unstructured.Unstructured) bool {
		version, _, _ := unstructured.NestedString(o.Object, "spec", "version")
		return version == "2.x" && w.isRequested(o) && o.GetLabels()["team"] == ""
	})
	if changed.GetUID() != chart.GetUID() {
		t.Error("it was made again")
	}
	w.provide(w.helmChart("web"), nil, served.put("web-2.0.0.tgz", chartOf(t, "2.0.0", chartImage)))
	if p := w.expect("2.0.0"); len(p.report.Releases[0].Problems) > 0 {
		t.Errorf("the problems are %v", p.report.Releases[0].Problems)
	}

	if taken := w.takeOver("2.x"); taken.GetUID() != changed.GetUID() || taken.GetGeneration() != changed.GetGeneration() || w.isRequested(taken) {
		t.Errorf("helm-controller makes %v of %v", taken, changed)
	}
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Chart.Spec.Version = "3.x" })
	w.expectInReport("has the chart that the release asked for before it was suspended")
	if err := w.client.Delete(t.Context(), &helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "web"}}); err != nil {
		t.Fatal(err)
	}
	w.report(func(p *published) (bool, string) { return len(p.report.Releases) == 0, "the release is there" })
	w.chartOfWeb(func(*unstructured.Unstructured) bool { return true })
}

// A HelmChart that pinsync has made goes with its release, and if the release opts out. A restart makes
// no difference.
func TestRequestedChartGoes(t *testing.T) {
	w := newWorld(t)
	w.release("web", `{"image":"`+app+`:v1"}`, helmRepository)
	stop := w.start(w.withRequests())
	first := w.chartOfWeb(w.isRequested)
	w.changeRelease(func(r *helmv2.HelmRelease) {
		r.Annotations = map[string]string{v1alpha1.SyncAnnotation: v1alpha1.SyncDisabled}
	})
	w.isGone()
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Annotations = nil })
	if second := w.chartOfWeb(w.isRequested); second.GetUID() == first.GetUID() {
		t.Error("it is the same HelmChart")
	}
	w.expect("v1")
	stop()
	if err := w.client.Delete(t.Context(), &helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "web"}}); err != nil {
		t.Fatal(err)
	}
	w.start(w.withRequests())
	w.isGone()
}

// Without the right to make HelmCharts there is one problem that names the component.
func TestRequestsForbidden(t *testing.T) {
	w := newWorld(t)
	w.release("web", `{"image":"`+app+`:v1"}`, helmRepository)
	w.release("other", `{"image":"`+app+`:v2"}`, helmRepository)
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.Contains(request.URL.Path, "/helmcharts/") { // no list and no watch
			return forbidden(request), nil
		}
		return next.RoundTrip(request)
	})
	w.start(w.withRequests())
	w.expect("v1", "v2")
	p := w.report(func(p *published) (bool, string) {
		complete := p.list.Annotations[v1alpha1.CompleteAnnotation]
		return complete == "true" && len(p.report.Problems) > 0, "complete: " + complete
	})
	if got := p.report.Problems; len(got) != 1 || got[0].Object != "HelmChart" || !strings.Contains(got[0].Message, "component request-charts") {
		t.Errorf("the problems are %v", got)
	}
	for i := range p.report.Releases {
		if got := p.report.Releases[i].Problems; len(got) != 1 || !strings.Contains(got[0].Message, "Flux makes HelmChart") {
			t.Errorf("release %s has problems %v", p.report.Releases[i].Name, got)
		}
	}
}

// A HelmChart that the API server refuses is the problem of its release alone, and so is one in a
// namespace that the release must not refer to.
func TestRequestRefused(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	foreign := helmRepository
	foreign.Namespace = w.own
	w.release("foreign", `{}`, foreign)
	w.release("refused", `{}`, helmRepository)
	w.release("web", `{}`, helmRepository)
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodPatch && strings.HasSuffix(request.URL.Path, "/helmcharts/"+w.apps+"-refused") {
			return forbidden(request), nil
		}
		return next.RoundTrip(request)
	})
	options := w.withRequests()
	options.DenyCrossNamespace = true
	w.start(options)
	w.chartOfWeb(w.isRequested)
	w.provide(w.helmChart("web"), nil, served.put("web-1.0.0.tgz", chartOf(t, "1.0.0", chartImage)))
	w.expect("1.0.0")
	w.expectInReport("pinsync could not make HelmChart " + w.apps + "/" + w.apps + "-refused: ")
	p := w.expectInReport("crossNamespaceRefs is Deny")
	if len(p.report.Problems) > 0 {
		t.Errorf("the problems are %v", p.report.Problems)
	}
	var all unstructured.UnstructuredList
	all.SetGroupVersionKind(w.helmChart("").GroupVersionKind())
	if err := w.client.List(t.Context(), &all, client.InNamespace(w.own)); err != nil || len(all.Items) > 0 {
		t.Errorf("there are %v, %v", all.Items, err)
	}
}

// The values of a release do not matter for its HelmChart, and neither does another one of that name.
func TestRequestsLeaveAlone(t *testing.T) {
	w := newWorld(t)
	w.provide(w.helmChart("web"), helmChartSpec("0.x"), serveArtifacts(t).put("web-0.1.0.tgz", chartOf(t, "0.1.0", chartImage)))
	w.release("web", `{"image":"`+app+`:v1"}`, helmRepository)
	before := w.chartOfWeb(func(*unstructured.Unstructured) bool { return true })
	w.start(w.withRequests())
	w.expectInReport("before it was suspended")
	w.changeRelease(func(r *helmv2.HelmRelease) {
		r.Spec.Values = &apiextensionsv1.JSON{Raw: []byte(`{"image":"` + app + `:v2"}`)}
	})
	w.until(func(ctx context.Context) (bool, string) {
		list := w.list(ctx).Data["registry-pins.txt"]
		return strings.Contains(list, "container/app==v2\n"), list
	})
	if after := w.chartOfWeb(func(*unstructured.Unstructured) bool { return true }); after.GetResourceVersion() != before.GetResourceVersion() {
		t.Errorf("%v has become %v", before, after)
	}
}

// A HelmChart that helm-controller takes over, or whose release is resumed, after pinsync has decided to
// remove it, stays.
func TestRequestedChartIsTakenOverMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		method, object string
		meanwhile      func(*world)
	}{
		"taken over": {http.MethodDelete, "/helmcharts/", func(w *world) { w.takeOver("1.x") }},
		"resumed": {http.MethodGet, "/helmreleases/", func(w *world) {
			w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = false })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.release("web", `{"image":"`+app+`:v1"}`, helmRepository)
			var isOut, wasAsked atomic.Bool
			w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
				isFirst := request.Method == test.method && strings.Contains(request.URL.Path, w.apps+test.object) && isOut.Load() && wasAsked.CompareAndSwap(false, true)
				if isFirst {
					test.meanwhile(w)
				}
				return next.RoundTrip(request)
			})
			stop := w.start(w.withRequests())
			before := w.chartOfWeb(w.isRequested)
			w.expect("v1")
			isOut.Store(true)
			w.changeRelease(func(r *helmv2.HelmRelease) {
				r.Annotations = map[string]string{v1alpha1.SyncAnnotation: v1alpha1.SyncDisabled}
			})
			w.until(func(context.Context) (bool, string) { return wasAsked.Load(), "nobody has asked" })
			// What comes later in the same order has been done.
			w.release("later", `{}`, helmRepository)
			w.until(func(ctx context.Context) (bool, string) {
				o := w.helmChart("later")
				err := w.client.Get(ctx, client.ObjectKeyFromObject(o), o)
				return err == nil, fmt.Sprint(err)
			})
			stop()
			if after := w.chartOfWeb(func(*unstructured.Unstructured) bool { return true }); after.GetUID() != before.GetUID() || after.GetDeletionTimestamp() != nil {
				t.Errorf("%v has become %v", before.Object, after.Object)
			}
		})
	}
}
