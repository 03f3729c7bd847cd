package controllers_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/controllers"
)

const (
	// shortTolerance is how long a watch may send nothing new in these tests.
	shortTolerance = 8 * time.Second
	// shortWatch is how long a watch lasts, in seconds. The API server sends a bookmark two seconds
	// before the end of each, so that a test needs not wait for those that it sends once a minute.
	shortWatch = "5"

	releasesPath = "/apis/helm.toolkit.fluxcd.io/v2/helmreleases"
	valuesPath   = "/api/v1/configmaps"
)

// attentive are options of a controller that tolerates only a short silence.
func (w *world) attentive() controllers.Options {
	options := w.options()
	options.SilenceTolerance, options.Heartbeat, options.Pins.Grace = shortTolerance, time.Second, 25*time.Second
	return options
}

// proxy stands between the API server and the controllers that the world starts from now on. All
// watches are short, except on the path where it has a fault.
type proxy struct {
	path string

	mu    sync.Mutex
	fault fault
	// onlyOpen leaves alone the watches that are opened from now on.
	onlyOpen bool
	// stopped is closed when the fault is over.
	stopped chan struct{}
	// bookmark is the last bookmark that was sent on the path.
	bookmark []byte
	// lists counts the lists of one object, by path.
	lists map[string]int
}

// fault is what a proxy does to watches.
type fault int

const (
	none fault = iota
	// swallow means that the watch stays open and nothing is sent, nor are lists answered.
	swallow
	// stopCache means that only the last bookmark is sent, again and again: so does an API server whose
	// watch cache gets nothing from etcd.
	stopCache
)

// newProxy puts a proxy in front of the world's API server.
func newProxy(w *world, path string) *proxy {
	p := &proxy{path: path, stopped: make(chan struct{}), lists: map[string]int{}}
	w.intercept(p.answer)
	return p
}

func (p *proxy) answer(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	query := request.URL.Query()
	if query.Get("limit") == "1" {
		p.mu.Lock()
		p.lists[request.URL.Path]++
		p.mu.Unlock()
	}
	if query.Get("watch") == "" {
		p.hold(request)
		return next.RoundTrip(request)
	}
	request = request.Clone(request.Context())
	query.Set("timeoutSeconds", shortWatch)
	request.URL.RawQuery = query.Encode()
	if request.URL.Path != p.path {
		return next.RoundTrip(request)
	}
	// One event is one line.
	request.Header.Set("Accept", strings.ReplaceAll(request.Header.Get("Accept"), "vnd.kubernetes.protobuf", "json"))
	response, err := next.RoundTrip(request)
	if err == nil {
		response.Body = p.wrap(response.Body)
	}
	return response, err
}

// hold keeps a list of all objects waiting while nothing is sent: an open watch would be replaced by it.
func (p *proxy) hold(request *http.Request) {
	p.mu.Lock()
	isHeld := p.fault == swallow && !p.onlyOpen && request.URL.Path == p.path && request.URL.Query().Get("limit") != "1"
	p.mu.Unlock()
	if isHeld {
		select {
		case <-p.stopped:
		case <-request.Context().Done():
		}
	}
}

func (p *proxy) wrap(body io.ReadCloser) io.ReadCloser {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &faultyWatch{
		ReadCloser: body, proxy: p, lines: bufio.NewReader(body), closed: make(chan struct{}),
		isExempt: p.onlyOpen,
	}
}

// start begins a fault: of all watches on the path, or only of those that are open.
func (p *proxy) start(f fault, onlyOpen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.onlyOpen = f, onlyOpen
}

// stop ends the fault.
func (p *proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = none
	close(p.stopped)
}

// faultyWatch is the answer to a watch. During a fault it does not end.
type faultyWatch struct {
	io.ReadCloser

	proxy *proxy
	lines *bufio.Reader
	// closed is closed with the watch.
	closed   chan struct{}
	isExempt bool
	// rest is what was not handed on yet of what is sent.
	rest []byte
}

func (f *faultyWatch) Close() error {
	close(f.closed)
	return f.ReadCloser.Close()
}

func (f *faultyWatch) Read(into []byte) (int, error) {
	for len(f.rest) == 0 {
		line, err := f.lines.ReadBytes('\n')
		f.rest = f.proxy.send(f, line)
		if err != nil && len(f.rest) == 0 {
			return 0, err
		}
	}
	n := copy(into, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// send returns what is sent for a line; the line is empty at the end of a watch, which a fault
// delays until it is over.
func (p *proxy) send(f *faultyWatch, line []byte) []byte {
	p.mu.Lock()
	fault := p.fault
	if f.isExempt {
		fault = none
	}
	if fault == none && bytes.Contains(line, []byte(`"type":"BOOKMARK"`)) {
		p.bookmark = line
	}
	bookmark := p.bookmark
	p.mu.Unlock()
	var repeat <-chan time.Time
	switch {
	case fault == none:
		return line
	case fault == stopCache:
		repeat = time.After(time.Second)
	case len(line) > 0:
		return nil
	}
	select {
	case <-repeat:
		return bookmark
	case <-f.closed:
	case <-p.stopped:
	}
	return nil
}

// incomplete returns the versions of the list that do not claim to be complete.
func (w *world) incomplete() []*corev1.ConfigMap {
	var found []*corev1.ConfigMap
	for _, version := range w.versions("registry-pins") {
		if c := version.configMap(w.t); c.Annotations["pinsync.oleks.space/complete"] == "false" {
			found = append(found, c)
		}
	}
	return found
}

// expectSyncedAtAfter waits until the list was known to be current after that time.
func (w *world) expectSyncedAtAfter(at time.Time) {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		syncedAt := w.list(ctx).Annotations["pinsync.oleks.space/synced-at"]
		return syncedAt > at.UTC().Format(time.RFC3339), syncedAt
	})
}

// Kinds in which nothing changes stay current, with a list of one object now and then.
func TestQuietWatches(t *testing.T) {
	w := newWorld(t)
	p := newProxy(w, "")
	w.valuesFrom("values", "image: "+app+":v1")
	w.suspendFrom("web", "ConfigMap", "values", false)
	w.start(w.attentive())
	w.expect("v1")
	w.expectComplete("true")
	w.expectSyncedAtAfter(time.Now().Add(5 * shortTolerance))
	if found := w.incomplete(); len(found) > 0 {
		t.Errorf("a list was incomplete: %v", found)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for path, n := range p.lists {
		if n > 6 {
			t.Errorf("%s was listed %d times", path, n)
		}
	}
	if p.lists["/apis/image.toolkit.fluxcd.io/v1/imagepolicies"] == 0 {
		t.Errorf("the API server was not asked about a kind without changes, only about %v", p.lists)
	}
}

// A watch that is open and silent makes the list incomplete. Nothing is removed, synced-at stays,
// and what fell asleep meanwhile is listed once the proxy sends again what it gets.
func TestSilentWatch(t *testing.T) {
	w := newWorld(t)
	p := newProxy(w, releasesPath)
	options := w.attentive()
	w.start(options)
	w.suspend("web", app+":v1")
	w.suspend("old", "git.example.com/team/old:v0")
	w.expectInReport("container/old==v0")
	w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "old"}})
	w.expectInReport(`"state":"Held"`)
	w.expectComplete("true")
	silent := time.Now()
	p.start(swallow, false)
	w.suspend("asleep", app+":v2")
	w.expectComplete("false")
	w.expectInReport("the watch has sent no event and no newer bookmark for more than 16s")
	w.until(func(context.Context) (bool, string) {
		return time.Since(silent) > options.Pins.Grace+5*time.Second, "the grace is not over"
	})
	if found := w.list(t.Context()); found.Annotations["pinsync.oleks.space/complete"] != "false" {
		t.Error("the list is complete while the watch is silent")
	}
	latest := silent.Add(2*shortTolerance + 2*time.Second).UTC().Format(time.RFC3339)
	for _, version := range w.incomplete() {
		if at := version.Annotations["pinsync.oleks.space/synced-at"]; at > latest {
			t.Errorf("synced-at is %s, silent since %s", at, silent.UTC())
		}
		if !strings.Contains(version.Data["registry-pins.txt"], "container/old==v0\n") {
			t.Errorf("version %s has %q", version.ResourceVersion, version.Data["registry-pins.txt"])
		}
	}
	p.stop()
	w.expect("v1", "v2")
	w.expectComplete("true")
	w.expectInReport(`"state":"Held"`) // the grace begins again
	w.expectSyncedAtAfter(time.Now())
}

// A watch that is silent is replaced by another one: by that of releases, and of what values
// come from.
func TestSilentWatchIsReplaced(t *testing.T) {
	for path, change := range map[string]func(*world){
		releasesPath: func(w *world) { w.suspend("asleep", app+":v2") },
		valuesPath:   func(w *world) { w.valuesFrom("values", "images: ["+app+":v1, "+app+":v2]") },
	} {
		t.Run(path[strings.LastIndex(path, "/")+1:], func(t *testing.T) {
			w := newWorld(t)
			p := newProxy(w, path)
			w.valuesFrom("values", "image: "+app+":v1")
			w.suspendFrom("web", "ConfigMap", "values", false)
			w.start(w.attentive())
			w.expect("v1")
			w.expectComplete("true")
			p.start(swallow, true)
			change(w)
			w.expect("v1", "v2")
			w.expectComplete("true")
			w.until(func(context.Context) (bool, string) {
				found := w.incomplete()
				return len(found) > 0, "no list was incomplete, though a watch was silent"
			})
			w.expectSyncedAtAfter(time.Now())
		})
	}
}

// A watch cache of the API server that has stopped sends bookmarks, all with the resource version
// that it has come to. What changes is read all the same, before the watch counts as silent.
func TestStoppedWatchCache(t *testing.T) {
	w := newWorld(t)
	p := newProxy(w, releasesPath)
	options := w.attentive()
	options.SilenceTolerance *= 2
	w.start(options)
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.expectComplete("true")
	p.start(stopCache, false)
	w.suspend("asleep", app+":v2")
	w.expect("v1", "v2")
	if found := w.incomplete(); len(found) > 0 {
		t.Errorf("the list was incomplete: %v", found[0].Annotations)
	}
}
