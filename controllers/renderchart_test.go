package controllers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// chartWork are charts that a test reads and renders.
type chartWork struct {
	*chartImages
	emptyReader
	artifact flux.Artifact

	// reading and rendering are called for each chart, which is namespace/name.
	reading   func(chart string)
	rendering func(ctx context.Context, chart string) *pin.ChartImages

	mu       sync.Mutex
	rendered []string
}

// newChartWork returns charts that are read and rendered at once.
func newChartWork(t *testing.T) *chartWork {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.SetKeepAlivesEnabled(false) // no connection outlives a request
	server.Start()
	t.Cleanup(server.Close)
	w := &chartWork{
		artifact: flux.Artifact{URL: server.URL, Digest: digest.FromString("").String()},
		reading:  func(string) {}, rendering: func(context.Context, string) *pin.ChartImages { return renderedImage("v1") },
	}
	w.chartImages = &chartImages{
		live: w, fetcher: charts.NewFetcher(), find: w.find, cluster: &clusterVersions{}, shares: newShares(), passes: newRequests(),
		due: map[string][]*dueChart{}, mentions: map[string]int{}, turns: map[string]time.Time{}, pauses: map[string]time.Time{},
	}
	return w
}

func (w *chartWork) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	w.reading(key.String())
	o.SetNamespace(key.Namespace)
	o.SetName(key.Name)
	return nil
}

func (w *chartWork) find(ctx context.Context, r *chartimages.Request) *pin.ChartImages {
	chart := r.Namespace + "/" + r.ReleaseName
	w.mu.Lock()
	w.rendered = append(w.rendered, chart)
	w.mu.Unlock()
	return w.rendering(ctx, chart)
}

// add makes a chart due, as a pass does that finds its release as it is, and returns what is known of it.
func (w *chartWork) add(namespace, name string) *knownChart {
	id := object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: namespace, Name: name}}
	w.chartImages.mu.Lock()
	defer w.chartImages.mu.Unlock()
	k := w.known.Peek(id)
	if k == nil {
		k = w.known.Put(id, knownChart{asked: askedChart{spec: &convert.ChartSpec{}}})
	}
	w.due[namespace] = append(w.due[namespace], &dueChart{id, chartInputs{revision: convert.RevisionOf(&flux.HelmRelease{}), chart: charts.Chart{Artifact: w.artifact}}})
	return k
}

// work reads and renders what is due, to the end.
func (w *chartWork) work(ctx context.Context) {
	for namespaces := w.next(); len(namespaces) > 0 && ctx.Err() == nil; namespaces = w.next() {
		w.read(ctx, namespaces[0])
	}
	w.chartImages.rendering.Wait()
}

// expect checks which charts were rendered, in order.
func (w *chartWork) expect(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.rendered, want) {
		t.Errorf("rendered %v, want %v", w.rendered, want)
	}
}

// A chart is rendered while the next release is read.
func TestReadWhileRendering(t *testing.T) {
	w, isRead := newChartWork(t), make(chan struct{})
	w.add("a", "one")
	w.add("b", "two")
	w.reading = func(chart string) {
		if chart == "b/two" {
			close(isRead)
		}
	}
	w.rendering = func(context.Context, string) *pin.ChartImages {
		select {
		case <-isRead:
		case <-time.After(30 * time.Second):
			t.Error("the next release is not read")
		}
		return renderedImage("v1")
	}
	w.work(t.Context())
	w.expect(t, "a/one", "b/two")
}

// A chart that a pass finds to be due while it is worked on is not rendered twice; a later pass finds out
// whether it has changed meanwhile.
func TestDueWhileInWork(t *testing.T) {
	w := newChartWork(t)
	k := w.add("a", "one")
	again := func() {
		w.add("a", "one")
		if due := w.pop("a"); due != nil {
			t.Error("it is due again")
		}
	}
	w.reading = func(string) { again() }
	w.rendering = func(context.Context, string) *pin.ChartImages {
		again()
		return renderedImage("v1")
	}
	w.work(t.Context())
	w.expect(t, "a/one")
	if k.found.latest == nil || w.passes.later == nil {
		t.Errorf("found %v, and a pass is asked for: %t", k.found.latest, w.passes.later != nil)
	}
	w.add("a", "one")
	if due := w.pop("a"); due != nil {
		t.Error("it is due again after it was rendered")
	}
}

// A release that becomes due while another namespace's chart is rendered waits for that one alone, though
// the next one of that namespace was read before it.
func TestTurnsOfReadCharts(t *testing.T) {
	w, isRead := newChartWork(t), make(chan struct{})
	w.add("a", "one")
	w.add("a", "two")
	w.reading = func(chart string) {
		if chart == "a/two" && len(isRead) == 0 && w.due["b"] == nil {
			w.add("b", "late")
			close(isRead)
		}
	}
	w.rendering = func(context.Context, string) *pin.ChartImages {
		<-isRead
		return renderedImage("v1")
	}
	w.work(t.Context())
	w.expect(t, "a/one", "b/late", "a/two")
}

// A namespace whose charts take long to be fetched or rendered, and can be, waits for the others as long as
// they have charts to be rendered.
func TestTurnsOfSlowCharts(t *testing.T) {
	for name, slow := range map[string]func(w *chartWork, wait func(chart string)){
		"fetched": func(w *chartWork, wait func(chart string)) { w.reading = wait },
		"rendered": func(w *chartWork, wait func(chart string)) {
			w.rendering = func(_ context.Context, chart string) *pin.ChartImages {
				wait(chart)
				return renderedImage("v1")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newChartWork(t)
			synctest.Test(t, func(t *testing.T) {
				slow(w, func(chart string) {
					if chart < "b" {
						time.Sleep(10 * slowRender)
					}
				})
				for _, chart := range []string{"1", "2", "3"} {
					w.add("a", chart)
					w.add("b", chart)
					w.add("c", chart)
				}
				w.work(t.Context())
				slices.Sort(w.rendered[1:7]) // the others take turns as it happens
				w.expect(t, "a/1", "b/1", "b/2", "b/3", "c/1", "c/2", "c/3", "a/2", "a/3")
				if w.isPaused("a") {
					t.Error("a namespace is paused though its charts can be rendered")
				}
			})
		})
	}
}

// A namespace is paused for what rendering its own chart has taken, and then what was read of it already is
// not rendered either. What another one's chart has taken does not count.
func TestPausesOfSlowCharts(t *testing.T) {
	w := newChartWork(t)
	synctest.Test(t, func(t *testing.T) {
		w.rendering = func(_ context.Context, chart string) *pin.ChartImages {
			if chart == "a/slow" || chart == "b/slow" {
				time.Sleep(2 * slowRender)
			}
			return &pin.ChartImages{} // it could not be rendered
		}
		w.add("a", "slow")
		w.add("a", "next")
		w.work(t.Context())
		w.expect(t, "a/slow")
		time.Sleep(2 * minWriteInterval)
		<-w.passes.events // what was found is published
		time.Sleep(2 * slowRender * costFactor)
		if synctest.Wait(); len(w.passes.events) == 0 {
			t.Error("no pass is asked for when the pause is over")
		}
		w.work(t.Context())
		w.expect(t, "a/slow", "a/next")
		w.add("b", "slow")
		w.add("c", "quick")
		w.work(t.Context())
		w.expect(t, "a/slow", "a/next", "b/slow", "c/quick")
		if !w.isPaused("b") || w.isPaused("c") {
			t.Errorf("until when namespaces are paused: %v", w.pauses)
		}
	})
}

// When pinsync stops, nothing that was not rendered to its end is taken, and all of it is due again if it
// goes on.
func TestStopWhileRendering(t *testing.T) {
	w := newChartWork(t)
	known := []*knownChart{w.add("a", "one"), w.add("b", "two")}
	ctx, stop := context.WithCancel(t.Context())
	w.reading = func(chart string) {
		if chart == "b/two" {
			stop()
		}
	}
	w.rendering = func(ctx context.Context, _ string) *pin.ChartImages {
		<-ctx.Done()
		return &pin.ChartImages{}
	}
	w.work(ctx)
	for _, k := range known {
		if k.found.latest != nil || k.try.inputs != (chartInputs{}) {
			t.Errorf("it has %+v", k)
		}
	}
	w.rendering = func(context.Context, string) *pin.ChartImages { return renderedImage("v1") }
	w.reading, w.rendered, w.turns = func(string) {}, nil, map[string]time.Time{}
	w.add("a", "one")
	w.add("b", "two")
	w.work(t.Context())
	w.expect(t, "a/one", "b/two")
	for _, k := range known {
		if k.found.latest == nil {
			t.Error("nothing was found")
		}
	}
}
