package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers"
	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// renderName is the argument with which the test renders for itself.
const renderName = "render"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == renderName {
		if err := chartimages.Serve(chartLimits(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	code := m.Run()
	if err := parts.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// world is a test's own part of a cluster: a namespace for the controller and one
// for a tenant.
type world struct {
	t      *testing.T
	plane  *local.ControlPlane
	client client.WithWatch
	config *rest.Config
	// own is the controller's namespace, apps the tenant's, and namespaces are all that were made.
	own, apps  string
	namespaces []string
	// log is what the controllers log.
	log localtest.Log

	mu     sync.Mutex
	events []recorded
	// edits are the versions that the test itself wrote, and removed the ConfigMaps that it
	// deleted.
	edits, removed map[string]bool
}

// worlds counts them, for their names.
var worlds atomic.Int32

// newWorld makes a world, without a controller, for a test that runs beside others.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	return newLoneWorld(t)
}

// newLoneWorld makes a world for a test that runs beside no other, because it reads the metrics,
// which all controllers of the process share, or needs the processor for itself.
func newLoneWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, planes.Take(t))
}

// neighbour makes another world on the same control plane.
func (w *world) neighbour() *world {
	w.t.Helper()
	return newWorldOn(w.t, w.plane)
}

// newWorldOn makes a world on a control plane.
func newWorldOn(t *testing.T, plane *local.ControlPlane) *world {
	t.Helper()
	c, err := local.NewClient(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	n := worlds.Add(1)
	w := &world{
		t: t, plane: plane, client: c, config: plane.Config, own: fmt.Sprint("pinsync-", n), apps: fmt.Sprint("apps-", n),
		edits: map[string]bool{}, removed: map[string]bool{},
	}
	w.createNamespace(w.own)
	w.createNamespace(w.apps)
	w.record()
	t.Cleanup(w.empty)
	return w
}

// options are those of a controller in this world.
func (w *world) options() controllers.Options {
	return controllers.Options{
		Configuration: configuration.Default(), Namespace: w.own, MetricsAddress: "0", HealthAddress: "0",
	}
}

// start runs a controller in the world, until stop is called or the test ends.
func (w *world) start(options controllers.Options) (stop func()) {
	w.t.Helper()
	cancel, wait := w.startWith(options)
	stop = func() {
		cancel()
		wait()
	}
	w.t.Cleanup(stop)
	return stop
}

// startWith runs a controller in the world until cancel is called; wait waits for its end.
func (w *world) startWith(options controllers.Options) (cancel, wait func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(log.IntoContext(context.Background(), logr.FromSlogHandler(slog.NewTextHandler(&w.log, nil))))
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Log(w.log.String())
		}
	})
	done, config := make(chan error, 1), w.config
	go func() { done <- controllers.Run(ctx, config, options) }()
	return cancel, sync.OnceFunc(func() {
		if err := <-done; err != nil {
			w.t.Errorf("the controller ended with an error: %v", err)
		}
	})
}

// empty deletes what the tenant has, and the annotations of its namespace, so that the next test's
// controller does not see them.
func (w *world) empty() {
	ctx := context.Background()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.apps}}
	if err := w.client.Patch(ctx, namespace, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":null}}`))); err != nil {
		w.t.Error(err)
	}
	kinds := []client.Object{&helmv2.HelmRelease{}, &imagev1.ImagePolicy{}, &imagev1.ImageRepository{}}
	for _, kind := range []string{"HelmChart", "OCIRepository", "GitRepository"} {
		kinds = append(kinds, sourceOf(kind, "", ""))
	}
	for _, kind := range kinds {
		for _, name := range w.namespaces {
			err := w.client.DeleteAllOf(ctx, kind, client.InNamespace(name))
			if err != nil && !apimeta.IsNoMatchError(err) {
				w.t.Error(err)
			}
		}
	}
}

func (w *world) createNamespace(name string) {
	w.t.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	w.namespaces = append(w.namespaces, name)
}

func (w *world) create(o client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// change reads an object, changes it and writes it, again if somebody else wrote
// meanwhile.
func change[T client.Object](w *world, o T, namespace, name string, mutate func(T)) {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		if err := w.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
			return false, err.Error()
		}
		mutate(o)
		if err := w.client.Update(ctx, o); err != nil {
			return false, err.Error()
		}
		w.edits[o.GetResourceVersion()] = true
		return true, ""
	})
}

// suspend creates a suspended release with an image.
func (w *world) suspend(name, image string) {
	w.t.Helper()
	w.create(&helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: name},
		Spec: helmv2.HelmReleaseSpec{
			ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"},
			Suspend:  true, Values: values(image), Interval: metav1.Duration{Duration: time.Hour},
		},
	})
}

// changeRelease changes the release web.
func (w *world) changeRelease(mutate func(*helmv2.HelmRelease)) {
	w.t.Helper()
	change(w, &helmv2.HelmRelease{}, w.apps, "web", mutate)
}

func values(image string) *apiextensionsv1.JSON {
	return &apiextensionsv1.JSON{Raw: fmt.Appendf(nil, `{"image":%q}`, image)}
}

// follow creates the policy app for the image of that name, with its repository,
// that has not resolved yet.
func (w *world) follow(namespace, pattern string) {
	w.t.Helper()
	w.create(&imagev1.ImageRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "app"},
		Spec:       imagev1.ImageRepositorySpec{Image: app, Interval: metav1.Duration{Duration: time.Hour}},
	})
	w.create(&imagev1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "app"},
		Spec: imagev1.ImagePolicySpec{
			ImageRepositoryRef: meta.NamespacedObjectReference{Name: "app"},
			Policy:             imagev1.ImagePolicyChoice{Alphabetical: &imagev1.AlphabeticalPolicy{}},
			FilterTags:         &imagev1.TagFilter{Pattern: pattern},
		},
	})
}

// resolve sets what the reflector sets: the latest tag of the policy app, and
// whether it is ready.
func (w *world) resolve(namespace, tag string, ready metav1.ConditionStatus, message string) {
	w.t.Helper()
	policy := &imagev1.ImagePolicy{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: "app"}, policy); err != nil {
		w.t.Fatal(err)
	}
	policy.Status.LatestRef, policy.Status.ObservedGeneration = &imagev1.ImageRef{Name: app, Tag: tag}, policy.Generation
	apimeta.SetStatusCondition(&policy.Status.Conditions, metav1.Condition{
		Type: meta.ReadyCondition, Status: ready, Reason: "Test", Message: message,
	})
	if err := w.client.Status().Update(w.t.Context(), policy); err != nil {
		w.t.Fatal(err)
	}
}

// until waits until a condition is met.
func (w *world) until(condition local.Condition) {
	w.t.Helper()
	localtest.Must(w.t, local.Until(w.t.Context(), localtest.Timeout, condition))
}

// published is a list and the report on it.
type published struct {
	// list and object are the first ConfigMap of each.
	list, object *corev1.ConfigMap
	report       *v1alpha1.PinReport
}

// list returns the list's ConfigMap, or an empty one.
func (w *world) list(ctx context.Context) *corev1.ConfigMap { return w.configMap(ctx, "registry-pins") }

// configMap returns a ConfigMap of the controller's namespace, or an empty one if there is none.
func (w *world) configMap(ctx context.Context, name string) *corev1.ConfigMap {
	configMap := &corev1.ConfigMap{}
	err := w.client.Get(ctx, client.ObjectKey{Namespace: w.own, Name: name}, configMap)
	if err == nil {
		return configMap
	}
	if !apierrors.IsNotFound(err) && ctx.Err() == nil {
		w.t.Errorf("reading the ConfigMap %s: %v", name, err)
	}
	return &corev1.ConfigMap{}
}

// report waits until the list, which is one ConfigMap, has a report that belongs to it and
// meets a condition.
func (w *world) report(condition func(*published) (met bool, found string)) *published {
	w.t.Helper()
	p := &published{}
	w.until(func(ctx context.Context) (bool, string) {
		p.list, p.object, p.report = w.list(ctx), w.configMap(ctx, "registry-pins-report"), &v1alpha1.PinReport{}
		if err := json.Unmarshal([]byte(p.object.Data["report.json"]), p.report); err != nil {
			return false, fmt.Sprintf("the report of version %q: %v", p.object.ResourceVersion, err)
		}
		want := v1alpha1.ListReference{
			Plan: p.list.Annotations["pinsync.oleks.space/plan"], Checksum: sha256Of(p.list.Data["registry-pins.txt"]),
		}
		if p.report.List == nil || *p.report.List != want {
			return false, fmt.Sprintf("the report is on %v, the list is %v", p.report.List, want)
		}
		met, found := condition(p)
		return met, found + ", in " + p.object.Data["report.json"]
	})
	return p
}

// current waits for the report on the list.
func (w *world) current() *published {
	w.t.Helper()
	return w.report(func(*published) (bool, string) { return true, "" })
}

// expect waits until these pins of container/app are needed, and no others, and returns
// the list and its report.
func (w *world) expect(tags ...string) *published {
	w.t.Helper()
	return w.expectPins(v1alpha1.PinNeeded, tags...)
}

// expectHeld waits until these pins of container/app are held, and no others.
func (w *world) expectHeld(tags ...string) *published {
	w.t.Helper()
	return w.expectPins(v1alpha1.PinHeld, tags...)
}

func (w *world) expectPins(state v1alpha1.PinState, tags ...string) *published {
	w.t.Helper()
	var want []string
	for _, tag := range tags {
		want = append(want, "container/app=="+tag)
	}
	return w.report(func(p *published) (bool, string) {
		var got []string
		for i := range p.report.Pins {
			if p.report.Pins[i].State == state {
				got = append(got, p.report.Pins[i].Pin)
			}
		}
		return slices.Equal(got, want), fmt.Sprintf("%s are %q, want %q", state, got, want)
	})
}

// expectInReport waits until the report has a text.
func (w *world) expectInReport(text string) *published {
	w.t.Helper()
	return w.report(func(p *published) (bool, string) {
		return strings.Contains(p.object.Data["report.json"], text), fmt.Sprintf("there is no %q", text)
	})
}

// valuesFrom creates or replaces a ConfigMap of the tenant with values.
func (w *world) valuesFrom(name, text string) {
	w.t.Helper()
	o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: name}}
	_, err := controllerutil.CreateOrUpdate(w.t.Context(), w.client, o, func() error {
		o.Data = map[string]string{"values.yaml": text}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// expectProblemEvents waits until the events about problems of the tenant's objects are these.
func (w *world) expectProblemEvents(want ...string) {
	w.t.Helper()
	w.expectEvents(func(reason string) bool { return !isChange(reason) }, want)
}

// expectPinEvents waits until the events about pins of the tenant's releases are these.
func (w *world) expectPinEvents(want ...string) {
	w.t.Helper()
	w.expectEvents(isChange, want)
}

func isChange(reason string) bool {
	return reason == "Pinned" || reason == "Held" || reason == "Unpinned"
}

func (w *world) expectEvents(are func(reason string) bool, want []string) {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		var events eventsv1.EventList
		if err := w.client.List(ctx, &events); err != nil {
			return false, err.Error()
		}
		var notes []string
		for _, event := range events.Items {
			if are(event.Reason) && (event.Regarding.Name == w.apps || event.Regarding.Namespace == w.apps) {
				notes = append(notes, fmt.Sprintf("%s %s %s %s", event.Type, event.Reason, event.Regarding.Kind, event.Note))
			}
		}
		slices.Sort(notes)
		return slices.Equal(notes, want), strings.Join(notes, "\n")
	})
}

// lists reports whether the list is these lines.
func (w *world) lists(lines string) func(context.Context) (bool, string) {
	return func(ctx context.Context) (bool, string) {
		got := w.list(ctx).Data["registry-pins.txt"]
		return got == lines, got
	}
}

// listOf reports whether the list of that name is these lines.
func (w *world) listOf(name, lines string) func(context.Context) (bool, string) {
	return func(ctx context.Context) (bool, string) {
		configMap := &corev1.ConfigMap{}
		err := w.client.Get(ctx, client.ObjectKey{Namespace: w.own, Name: name}, configMap)
		got, isWritten := configMap.Data["registry-pins.txt"]
		return err == nil && isWritten && got == lines, fmt.Sprintf("%v, %q", err, got)
	}
}

// expectReadyPolicies waits until the report complains of no policy.
func (w *world) expectReadyPolicies() {
	w.t.Helper()
	w.report(func(p *published) (bool, string) {
		return !strings.Contains(p.object.Data["report.json"], "PolicyNotReady"), "a policy is not ready"
	})
}

// measures waits until a metric has these values, and maybe others.
func (w *world) measures(name string, want map[string]float64) {
	w.t.Helper()
	w.until(func(context.Context) (bool, string) {
		got := gather(w.t, name)
		for label, value := range want {
			if got[label] != value {
				return false, fmt.Sprintf("%s is %v, want %v", name, got, want)
			}
		}
		return true, ""
	})
}

// gather returns a metric by the value of its only label, empty where it has none; of a
// histogram, how often it was measured.
func gather(t *testing.T, name string) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() != name {
				continue
			}
			label := ""
			if len(metric.GetLabel()) > 0 {
				label = metric.GetLabel()[0].GetValue()
			}
			values[label] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// countReads counts the requests of controllers that the world starts from now
// on, by path.
func countReads(t *testing.T, w *world) func() map[string]int {
	t.Helper()
	var mu sync.Mutex
	counts := map[string]int{}
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		mu.Lock()
		counts[request.URL.Path]++
		mu.Unlock()
		return next.RoundTrip(request)
	})
	return func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(counts)
	}
}

// intercept lets answer give the answers to the requests of controllers that the world starts
// from now on; next asks the API server.
func (w *world) intercept(answer func(request *http.Request, next http.RoundTripper) (*http.Response, error)) {
	w.config = rest.CopyConfig(w.config)
	w.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) { return answer(request, next) })
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }
