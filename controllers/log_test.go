package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// expectLogged waits until the log has lines with these texts, one after the other.
func (w *world) expectLogged(texts ...string) {
	w.t.Helper()
	w.until(func(context.Context) (bool, string) {
		rest := w.log.String()
		for _, text := range texts {
			_, after, ok := strings.Cut(rest, text)
			if !ok {
				return false, fmt.Sprintf("no %q in the log from here on: %s", text, rest)
			}
			rest = after
		}
		return true, ""
	})
}

// Whoever reads the log in the morning sees which pin has come and gone, for whom and why.
func TestPinChangesAreLogged(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	release := ` pin="container/app==v1" release=HelmRelease/` + w.apps + "/web because="
	pinned, held, unpinned := "msg=Pinned", "msg=Held", "msg=Unpinned"
	w.expectLogged(pinned, release+`"found in spec.values.image"`)
	w.resume()
	w.expectLogged(pinned, held, release, "is not Ready")
	w.becomeReady()
	w.run(app + ":v1")
	w.gone()
	w.expectLogged(pinned, held, unpinned, release+`"proven live since 20`)
	if n := strings.Count(w.log.String(), release); n != 3 {
		t.Errorf("%d lines for three changes", n)
	}
}

// A large change is not a line for each pin.
func TestOfManyChangesSomeAreLogged(t *testing.T) {
	w := newWorld(t)
	for i := range 103 {
		w.suspend(fmt.Sprint("many-", i), app+":old")
	}
	w.start(w.options())
	w.expectLogged(`msg="And more pins have changed"`, " pins=3\n")
	if n := strings.Count(w.log.String(), "msg=Pinned"); n != 100 {
		t.Errorf("%d lines, want 100", n)
	}
}

// A list that cannot be written, because somebody has made its ConfigMap immutable, is not written
// all the time. One line names what to do, and once that is done the list is as it should be.
func TestImmutableList(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var rejected []time.Time
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err == nil && response.StatusCode == http.StatusUnprocessableEntity {
			mu.Lock()
			defer mu.Unlock()
			rejected = append(rejected, time.Now())
		}
		return response, err
	})
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	yes := true
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins", func(c *corev1.ConfigMap) { c.Immutable = &yes })
	w.suspend("other", app+":v2")
	w.until(func(context.Context) (bool, string) {
		mu.Lock()
		defer mu.Unlock()
		return len(rejected) == 6, fmt.Sprint(len(rejected), " writes were rejected")
	})
	// The delays are 0.2, 0.4, 0.8, 1.6 and 3.2 seconds.
	if waited := rejected[5].Sub(rejected[4]); waited < 3*time.Second {
		t.Errorf("the sixth write came %s after the fifth", waited)
	}
	if n := strings.Count(w.log.String(), "The list is not written"); n != 1 {
		t.Errorf("%d lines that the list is not written, want 1", n)
	}
	w.expectLogged("The list is not written", "ConfigMap "+w.own+"/registry-pins is immutable: delete it")
	w.remove(w.list(t.Context()))
	w.expect("v1", "v2")
	w.expectLogged("The list is not written", "written again")
}

// What makes the list incomplete is a warning, not one of many lines of information.
func TestIncompleteIsAWarning(t *testing.T) {
	w := newWorld(t)
	refused := &refusals{resource: "imagepolicies"}
	refused.wrap(w)
	w.start(w.options())
	w.expectComplete("true")
	refused.set(true)
	w.expectComplete("false")
	w.expectLogged(`level=WARN msg="The list is incomplete, and no pin is removed`)
}
