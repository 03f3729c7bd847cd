package controllers_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// forbidden is the answer to a request that the API server refuses.
func forbidden(request *http.Request) *http.Response {
	const status = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"refused for a test"}`
	return &http.Response{
		StatusCode: http.StatusForbidden, Request: request, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewBufferString(status)),
	}
}

// refusals makes the API server refuse requests for a resource, for controllers
// that the world starts from now on, while it is on. Open watches are cut.
type refusals struct {
	resource string

	mu     sync.Mutex
	on     bool
	bodies []io.Closer
}

func (r *refusals) wrap(w *world) {
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !strings.HasSuffix(request.URL.Path, "/"+r.resource) {
			return next.RoundTrip(request)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.on {
			return forbidden(request), nil
		}
		response, err := next.RoundTrip(request)
		if err == nil {
			r.bodies = append(r.bodies, response.Body)
		}
		return response, err
	})
}

func (r *refusals) set(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = on
	for _, body := range r.bodies {
		body.Close()
	}
	r.bodies = nil
}

// expectComplete waits for the annotation that reports whether the list is complete.
func (w *world) expectComplete(complete string) {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		got := w.list(ctx).Annotations["pinsync.oleks.space/complete"]
		return got == complete, fmt.Sprintf("complete is %q", got)
	})
}

// A right that is taken away while pinsync runs leaves caches that still answer:
// the list is not complete, and keeps what it had, until they are current again.
func TestWatchRefusedAtRuntime(t *testing.T) {
	for resource, touch := range map[string]func(*world){
		"helmreleases":  func(*world) {},
		"imagepolicies": func(w *world) { w.follow(w.apps, "^main-") },
		"namespaces":    func(w *world) { w.createNamespace(w.apps + "-more") },
	} {
		t.Run(resource, func(t *testing.T) {
			w := newWorld(t)
			refused := &refusals{resource: resource}
			refused.wrap(w)
			w.start(w.options())
			w.suspend("web", app+":v1")
			w.expect("v1")
			w.expectComplete("true")
			refused.set(true)
			w.expectComplete("false")
			w.expectInReport("refused for a test")
			w.expect("v1")
			refused.set(false)
			touch(w)
			w.suspend("new", app+":v2")
			w.expect("v1", "v2")
			w.expectComplete("true")
		})
	}
}

// An object in which something is wrong that pins do not depend on, and that the API server
// takes, is read as any other, and keeps none from being read. Flux's own types would not
// take it: the interval is longer than what Go has for durations.
func TestObjectThatFluxCannotDecode(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	bad := func(name string, suspend bool, tag string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
			"metadata": map[string]any{"namespace": w.apps, "name": name},
			"spec": map[string]any{
				"interval": "99999999999h", "suspend": suspend, "values": map[string]any{"image": app + ":" + tag},
				"chartRef": map[string]any{"kind": "OCIRepository", "name": "chart"},
			},
		}}
	}
	w.create(bad("running", false, "none"))
	w.create(bad("bad", true, "v2"))
	w.suspend("new", app+":v3")
	w.expect("v1", "v2", "v3")
	w.expectComplete("true")
}

// An object that cannot be read all the same keeps its kind from being read. The list does not
// claim to be complete meanwhile, and loses nothing.
func TestObjectThatCannotBeDecoded(t *testing.T) {
	w := newWorld(t)
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err == nil && strings.HasSuffix(request.URL.Path, "/helmreleases") {
			response.Body = &spoiled{Closer: response.Body, lines: bufio.NewReader(response.Body)}
		}
		return response, err
	})
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.suspend("spoiled", app+":none")
	w.expectComplete("false")
	w.expectInReport("HelmRelease")
	w.expect("v1")
	w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "spoiled"}})
	w.suspend("new", app+":v2")
	w.expect("v1", "v2")
	w.expectComplete("true")
}

// spoiled is an answer in which a field of the object spoiled, which stands in a line of it, has a
// wrong form.
type spoiled struct {
	io.Closer

	lines *bufio.Reader
	// rest is what was not handed on yet of the line that was read last.
	rest []byte
}

func (s *spoiled) Read(into []byte) (int, error) {
	if len(s.rest) == 0 {
		line, err := s.lines.ReadBytes('\n')
		if len(line) == 0 {
			return 0, err
		}
		if s.rest = line; bytes.Contains(line, []byte(`"name":"spoiled"`)) {
			s.rest = bytes.ReplaceAll(line, []byte(`"suspend":true`), []byte(`"suspend":"yes"`))
		}
	}
	n := copy(into, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A write is lost if somebody else wrote since the ConfigMap was read: what they
// wrote is still there after it was made again.
func TestSomebodyWritesInBetween(t *testing.T) {
	w := newWorld(t)
	var once sync.Once
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodPut && strings.HasSuffix(request.URL.Path, "/configmaps/registry-pins") {
			once.Do(func() {
				configMap := &corev1.ConfigMap{}
				key := client.ObjectKey{Namespace: w.own, Name: "registry-pins"}
				if err := w.client.Get(request.Context(), key, configMap); err != nil {
					t.Error(err)
				}
				configMap.Data["theirs.txt"] = "kept"
				if err := w.client.Update(request.Context(), configMap); err != nil {
					t.Error(err)
				}
			})
		}
		return next.RoundTrip(request)
	})
	w.start(w.options())
	w.expect()
	w.suspend("web", app+":v1")
	if w.expect("v1").list.Data["theirs.txt"] != "kept" {
		t.Error("what somebody else wrote in between is gone")
	}
}
