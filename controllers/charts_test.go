package controllers_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// chartLimits are those of the charts in these tests.
func chartLimits() chartimages.Limits {
	return chartimages.Limits{Memory: 128 << 20, Time: 5 * time.Second}
}

// withCharts are options of a controller that renders charts, and counts how many it has rendered.
func (w *world) withCharts() controllers.Options {
	w.t.Helper()
	program, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	options := w.hasty()
	options.Charts = chartimages.NewFinder(1, chartLimits(), program, renderName)
	w.t.Cleanup(options.Charts.Close)
	return options
}

// artifacts are what a source-controller serves.
type artifacts struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	gets  map[string]int
}

func serveArtifacts(t *testing.T) *artifacts {
	t.Helper()
	a := &artifacts{files: map[string][]byte{}, gets: map[string]int{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		a.mu.Lock()
		file, ok := a.files[request.URL.Path]
		a.gets[request.URL.Path]++
		a.mu.Unlock()
		if !ok {
			http.NotFound(response, request)
			return
		}
		_, _ = response.Write(file)
	}))
	t.Cleanup(a.Close)
	return a
}

// put serves a file, and returns the artifact of an object's status.
func (a *artifacts) put(name string, file []byte) map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := sha256.Sum256(file)
	a.files["/"+name] = file
	return map[string]any{
		"url": a.URL + "/" + name, "path": name, "revision": name, "digest": "sha256:" + hex.EncodeToString(sum[:]),
		"lastUpdateTime": time.Now().UTC().Format(time.RFC3339), "size": int64(len(file)),
	}
}

// count returns how often a file was fetched.
func (a *artifacts) count(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gets["/"+name]
}

// chartOf packs a chart whose Deployment has an image that the values do not name.
func chartOf(t *testing.T, version, template string) []byte {
	t.Helper()
	archive, err := render.Pack(fstest.MapFS{
		"Chart.yaml":       {Data: []byte("apiVersion: v2\nname: web\nversion: " + version + "\nappVersion: \"" + version + "\"\n")},
		"values.yaml":      {Data: []byte("image: {repository: " + app + "}\n")},
		"templates/a.yaml": {Data: []byte(template)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// chartImage is a template whose image has the chart's appVersion as its tag.
const chartImage = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{image: "{{ .Values.image.repository }}:{{ .Values.tag | default .Chart.AppVersion }}"}]}}}
`

// sourceOf is an object that a chart comes from.
func sourceOf(kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("source.toolkit.fluxcd.io/v1")
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// provide creates or changes an object with an artifact, as source-controller does.
func (w *world) provide(o *unstructured.Unstructured, spec, artifact map[string]any) {
	w.t.Helper()
	ctx := w.t.Context()
	o = o.DeepCopy()
	existing := o.DeepCopy()
	if err := w.client.Get(ctx, client.ObjectKeyFromObject(o), existing); client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	} else if err != nil {
		o.Object["spec"] = spec
		w.create(o)
		existing = o
	}
	existing.Object["status"] = map[string]any{"artifact": artifact, "observedGeneration": existing.GetGeneration()}
	if err := w.client.Status().Update(ctx, existing); err != nil {
		w.t.Fatal(err)
	}
}

// helmChart is the HelmChart that helm-controller makes of a release.
func (w *world) helmChart(release string) *unstructured.Unstructured {
	o := sourceOf("HelmChart", w.apps, w.apps+"-"+release)
	o.SetLabels(map[string]string{"helm.toolkit.fluxcd.io/name": release, "helm.toolkit.fluxcd.io/namespace": w.apps})
	return o
}

func helmChartSpec(version string) map[string]any {
	return map[string]any{
		"chart": "web", "version": version, "interval": "1h", "sourceRef": map[string]any{"kind": "HelmRepository", "name": "charts"},
	}
}

// release creates a suspended release of version 1.x of a chart, with changes; its values are JSON.
func (w *world) release(name, values string, source helmv2.CrossNamespaceObjectReference, changes ...func(*helmv2.HelmRelease)) {
	w.t.Helper()
	r := &helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: name},
		Spec: helmv2.HelmReleaseSpec{
			Chart:   &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{Chart: "web", Version: "1.x", SourceRef: source}},
			Suspend: true, Values: &apiextensionsv1.JSON{Raw: []byte(values)}, Interval: metav1.Duration{Duration: time.Hour},
		},
	}
	for _, change := range changes {
		change(r)
	}
	w.create(r)
}

var helmRepository = helmv2.CrossNamespaceObjectReference{Kind: "HelmRepository", Name: "charts"}

// chartWorld is a world with a release whose chart 1.0.0 is served, and what serves it.
func chartWorld(t *testing.T) (*world, *artifacts) {
	t.Helper()
	w, served := newWorld(t), serveArtifacts(t)
	w.provide(w.helmChart("web"), helmChartSpec("1.x"), served.put("web-1.0.0.tgz", chartOf(t, "1.0.0", chartImage)))
	w.release("web", `{}`, helmRepository)
	return w, served
}

// What only the chart names is pinned, with the place in its manifests; a new version of the chart is
// rendered, too.
func TestChartImages(t *testing.T) {
	w, served := chartWorld(t)
	w.start(w.withCharts())
	p := w.expect("1.0.0")
	if got, want := p.report.Pins[0].Via, []string{"chart Deployment/web.spec.template.spec.containers[0].image"}; !slices.Equal(got, want) {
		t.Errorf("it was found in %q, want %q", got, want)
	}
	if got := p.report.Releases[0]; len(got.Problems) > 0 || got.Chart == nil || got.Chart.Source != "HelmChart "+w.apps+"/"+w.apps+"-web" || got.Chart.Revision != "web-1.0.0.tgz" {
		t.Errorf("the report has %+v", got)
	}
	w.provide(w.helmChart("web"), nil, served.put("web-1.1.0.tgz", chartOf(t, "1.1.0", chartImage)))
	w.expect("1.1.0")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = &apiextensionsv1.JSON{Raw: []byte(`{"tag":"v9"}`)} })
	w.report(func(p *published) (bool, string) {
		return strings.Contains(p.list.Data["registry-pins.txt"], "container/app==v9\n"), p.list.Data["registry-pins.txt"]
	})
}

// A release that was created suspended has no HelmChart; its chart may be in Git. What Flux has packaged of it counts,
// unless it is to be packaged anew at the resume.
func TestChartFromGit(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	repository := tarball(t, map[string]string{
		"charts/web/Chart.yaml":        "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: side, version: 1.x, repository: file://../side}]\n",
		"charts/web/values.yaml":       "tag: of-the-chart\n",
		"charts/web/templates/a.yaml":  "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: [{image: \"" + app + ":{{ .Values.tag }}\"}]}\n",
		"charts/side/Chart.yaml":       "apiVersion: v2\nname: side\nversion: 1.0.0\n",
		"charts/side/templates/b.yaml": "kind: Pod\napiVersion: v1\nmetadata: {name: b}\nspec: {containers: [{image: \"" + app + ":side\"}]}\n",
		"envs/staging.yaml":            "tag: of-the-file\n",
	})
	w.provide(sourceOf("GitRepository", w.apps, "apps"), map[string]any{"interval": "1h", "url": "https://git.example.com/apps"}, served.put("apps.tgz", repository))
	w.create(&helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "web"},
		Spec: helmv2.HelmReleaseSpec{
			Chart: &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
				Chart: "./charts/web", ValuesFiles: []string{"envs/staging.yaml"},
				SourceRef: helmv2.CrossNamespaceObjectReference{Kind: "GitRepository", Name: "apps"},
			}},
			Suspend: true, Interval: metav1.Duration{Duration: time.Hour},
		},
	})
	w.start(w.withCharts())
	w.expect("of-the-file", "side")
	w.provide(w.helmChart("web"), map[string]any{
		"chart": "./charts/web", "interval": "60m", "valuesFiles": []any{"envs/staging.yaml"}, "sourceRef": map[string]any{"kind": "GitRepository", "name": "apps"},
	}, served.put("web-1.0.0.tgz", chartOf(t, "1.0.0", chartImage)))
	w.expect("1.0.0")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Interval = metav1.Duration{Duration: 2 * time.Hour} })
	w.expect("of-the-file", "side")
}

// tarball packs files as the artifact of a GitRepository.
func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A chart of an OCIRepository is there whether the release sleeps or not, and is pinned itself.
func TestChartRef(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	artifact := served.put("web-2.0.0.tgz", chartOf(t, "2.0.0", chartImage))
	artifact["revision"] = fmt.Sprint("of-chart@", artifact["digest"])
	w.provide(sourceOf("OCIRepository", w.apps, "chart"), map[string]any{"interval": "1h", "url": "oci://" + app}, artifact)
	w.suspend("web", app+":v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = &apiextensionsv1.JSON{Raw: []byte(`{}`)} })
	w.start(w.withCharts())
	w.expect("2.0.0", "of-chart")
}

// A chart that Gitea keeps in a classic Helm repository is pinned itself: the version that Flux has resolved
// last. It has no line among the images.
func TestClassicChart(t *testing.T) {
	w, served := chartWorld(t)
	w.provide(sourceOf("HelmRepository", w.apps, "charts"), map[string]any{"interval": "1h", "url": "https://git.example.com/api/packages/team/helm"}, nil)
	resolve := func(version string) {
		artifact := served.put("web-"+version+".tgz", chartOf(t, version, chartImage))
		artifact["revision"] = version
		w.provide(w.helmChart("web"), nil, artifact)
	}
	resolve("1.2.0")
	stop := w.start(w.withCharts())
	w.until(w.lists("container/app==1.2.0\nhelm/web==1.2.0\n"))
	stop()
	resolve("1.3.0")
	w.start(w.withCharts())
	p := w.report(func(p *published) (bool, string) {
		lines := p.list.Data["registry-pins.txt"]
		return strings.Contains(lines, "container/app==1.3.0\n") && strings.Contains(lines, "helm/web==1.3.0\n"), lines
	})
	if images := p.list.Data["images.txt"]; strings.Contains(images, "helm") {
		t.Errorf("the images are %q", images)
	}
	got := p.report.Pins[len(p.report.Pins)-1]
	if got.Image != "helm://git.example.com/team/web:1.3.0" || !slices.Equal(got.Via, []string{"the chart of the release"}) {
		t.Errorf("the report has %+v", got)
	}
}

// After a restart nothing is rendered again that has not changed, and what was known of it stays.
func TestChartAfterRestart(t *testing.T) {
	w, served := chartWorld(t)
	stop := w.start(w.withCharts())
	w.expect("1.0.0")
	stop()
	fetched := served.count("web-1.0.0.tgz")
	w.start(w.withCharts())
	// A policy that follows what only the chart names is linked without the chart.
	w.follow(w.apps, ".*")
	w.resolve(w.apps, "1.0.5", metav1.ConditionTrue, "")
	w.expect("1.0.0", "1.0.5")
	if again := served.count("web-1.0.0.tgz"); again != fetched {
		t.Errorf("the chart was fetched %d times, and %d times before the restart", again, fetched)
	}
	w.provide(w.helmChart("web"), nil, served.put("web-1.1.0.tgz", chartOf(t, "1.1.0", chartImage)))
	w.expect("1.0.5", "1.1.0")
}

// A release that has changed and whose chart cannot be had or rendered keeps what was rendered before,
// and says so.
func TestChartThatFails(t *testing.T) {
	w, served := chartWorld(t)
	w.start(w.withCharts())
	w.expect("1.0.0")
	broken := served.put("web-1.1.0.tgz", chartOf(t, "1.1.0", "{{ fail `no such thing` }}"))
	w.provide(w.helmChart("web"), nil, broken)
	w.expectInReport("no such thing")
	// The defaults have the image with the appVersion.
	w.expect("1.0.0", "1.1.0")
	gone := served.put("web-1.2.0.tgz", chartOf(t, "1.2.0", chartImage))
	gone["url"] = served.URL + "/gone.tgz"
	w.provide(w.helmChart("web"), nil, gone)
	w.expectInReport("404 Not Found")
	w.expect("1.0.0", "1.1.0")
	wrong := served.put("web-1.3.0.tgz", chartOf(t, "1.3.0", chartImage))
	served.put("web-1.3.0.tgz", []byte("another"))
	w.provide(w.helmChart("web"), nil, wrong)
	w.expectInReport("the artifact has digest")
	w.expect("1.0.0", "1.1.0")
	w.expectComplete("true") // once it was tried three times
}

// A release without a chart is said to be possibly incomplete.
func TestChartNotRead(t *testing.T) {
	w := newWorld(t)
	w.release("web", `{"image":"`+app+`:v1"}`, helmRepository)
	w.start(w.withCharts())
	p := w.expectInReport("ChartNotRead")
	if got := p.report.Releases[0].Problems; len(got) != 1 || got[0].Reason != v1alpha1.ReasonChartNotRead {
		t.Errorf("the problems are %v", got)
	}
	w.expect("v1")
}

// What is listed before a chart was rendered, for the first time or as it is now, is not complete.
func TestChartPending(t *testing.T) {
	w, served := chartWorld(t)
	ready := make(chan struct{})
	inner := served.Config.Handler
	served.Config.Handler = http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		<-ready
		inner.ServeHTTP(response, request)
	})
	w.changeRelease(func(r *helmv2.HelmRelease) {
		r.Spec.Values = &apiextensionsv1.JSON{Raw: []byte(`{"x":{"image":"` + app + `:v1"}}`)}
	})
	w.start(w.withCharts())
	if p := w.expect("v1"); p.list.Annotations[v1alpha1.CompleteAnnotation] != "false" {
		t.Error("the list is complete without the chart")
	}
	ready <- struct{}{}
	w.expect("1.0.0", "v1")
	w.expectComplete("true")
	w.provide(w.helmChart("web"), nil, served.put("web-1.1.0.tgz", chartOf(t, "1.1.0", chartImage)))
	w.expectComplete("false")
	close(ready)
	w.report(func(p *published) (bool, string) {
		lines := p.list.Data["registry-pins.txt"]
		return strings.Contains(lines, "==1.1.0\n") && p.list.Annotations[v1alpha1.CompleteAnnotation] == "true", lines
	})
}

// Where pinsync may not read the kinds that charts come from, that is one problem, and the list is as
// complete as without charts.
func TestChartsForbidden(t *testing.T) {
	w, _ := chartWorld(t)
	w.changeRelease(func(r *helmv2.HelmRelease) {
		r.Spec.Values = &apiextensionsv1.JSON{Raw: []byte(`{"image":"` + app + `:v1"}`)}
	})
	w.release("other", `{"image":"`+app+`:v2"}`, helmRepository)
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.Contains(request.URL.Path, "source.toolkit.fluxcd.io/v1/") {
			return forbidden(request), nil
		}
		return next.RoundTrip(request)
	})
	w.start(w.withCharts())
	w.expect("v1", "v2")
	p := w.report(func(p *published) (bool, string) {
		complete := p.list.Annotations[v1alpha1.CompleteAnnotation]
		return complete == "true" && len(p.report.Problems) > 0, "complete: " + complete
	})
	if got := p.report.Problems; len(got) != 1 || got[0].Object != "HelmChart" || !strings.Contains(got[0].Message, "component read-charts") {
		t.Errorf("the problems are %v", got)
	}
	for i := range p.report.Releases {
		if got := p.report.Releases[i].Problems; len(got) > 0 {
			t.Errorf("release %s has problems %v", p.report.Releases[i].Name, got)
		}
	}
}
