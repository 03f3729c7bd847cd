package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers"
)

// firstWith returns when the recorder saw the first version of a ConfigMap with a text.
func (w *world) firstWith(name, key, text string) time.Time {
	w.t.Helper()
	var at time.Time
	w.until(func(context.Context) (bool, string) {
		for _, version := range w.versions(name) {
			if strings.Contains(version.configMap(w.t).Data[key], text) {
				at = version.at
				return true, ""
			}
		}
		return false, fmt.Sprintf("no version of %s has %q", name, text)
	})
	return at
}

// The list is written at once, and its report some seconds after it.
func TestListIsWrittenBeforeItsReport(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.expect()
	for _, tag := range []string{"v1", "v2"} {
		w.suspend(tag, app+":"+tag)
		suspended := time.Now()
		w.until(func(ctx context.Context) (bool, string) {
			lines := w.list(ctx).Data["registry-pins.txt"]
			return strings.Contains(lines, "=="+tag+"\n"), lines
		})
		w.expectInReport("container/app==" + tag)
		list := w.firstWith("registry-pins", "registry-pins.txt", "container/app=="+tag+"\n")
		report := w.firstWith("registry-pins-report", "report.json", "container/app=="+tag)
		if after := list.Sub(suspended); after > 3*time.Second {
			t.Errorf("the list was written %s after %s was suspended: not before a report would be", after, tag)
		}
		if after := report.Sub(list); after < 0 || after > 5*time.Second {
			t.Errorf("the report on %s was written %s after the list", tag, after)
		}
	}
}

// As long as changes come one after the other, the report is written less often than the
// list, and is not put off for longer than without them.
func TestReportIsWrittenLessOften(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	before := w.expect()
	begin := time.Now()
	n := 0
	for range time.Tick(10 * time.Millisecond) { // the report on some thousand pins has several objects, of which one is read
		if len(w.versions("registry-pins")) >= 14 {
			break
		}
		w.suspend(fmt.Sprint("web-", n), fmt.Sprint(app, ":", n))
		n++
	}
	elapsed := time.Since(begin)
	after := w.report(func(p *published) (bool, string) { return len(p.report.Pins) == n, fmt.Sprintf("want %d pins", n) })
	lists, reports := len(w.between(before.list, after.list)), len(w.between(before.object, after.object))
	// One for each 3 s, and the one after the last change.
	if most := 1 + int(elapsed/(3*time.Second)); reports > most || lists < 2*reports {
		t.Errorf("in %s the list was written %d times, and the report %d times, want at most %d", elapsed, lists, reports, most)
	}
	if reports < int(elapsed/(5*time.Second)) {
		t.Errorf("in %s the report was written %d times only", elapsed, reports)
	}
}

// isCurrent reports whether the report belongs to the list, now.
func (w *world) isCurrent(ctx context.Context) bool {
	plan := w.list(ctx).Annotations["pinsync.oleks.space/plan"]
	return plan != "" && strings.Contains(w.configMap(ctx, "registry-pins-report").Data["report.json"], `"plan":"`+plan+`"`)
}

// The report on the last list is there when the process ends.
func TestReportIsWrittenOnStop(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.options())
	w.expect()
	w.suspend("web", app+":v1")
	w.until(w.lists("container/app==v1\n"))
	if w.isCurrent(t.Context()) {
		t.Error("the report is there at once: nothing is left to be written")
	}
	stop()
	if !w.isCurrent(t.Context()) || !strings.Contains(w.configMap(t.Context(), "registry-pins-report").Data["report.json"], "==v1") {
		t.Errorf("the report of the end is %v", w.configMap(t.Context(), "registry-pins-report").Data)
	}
}

// That holds where the process is to end while the list is being written, too.
func TestReportIsWrittenOnStopDuringAWrite(t *testing.T) {
	w := newWorld(t)
	var cancel atomic.Pointer[func()]
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if end := cancel.Load(); end != nil && request.Method == http.MethodPut && strings.HasSuffix(request.URL.Path, "/configmaps/registry-pins") {
			(*end)()
			if canceled := request.Context().Err(); canceled != nil {
				return nil, canceled // the answer comes too late
			}
		}
		return response, err
	})
	end, wait := w.startWith(w.options())
	t.Cleanup(func() { end(); wait() })
	w.expect()
	cancel.Store(&end)
	w.suspend("web", app+":v1")
	wait()
	if lines := w.list(t.Context()).Data["registry-pins.txt"]; lines != "container/app==v1\n" || !w.isCurrent(t.Context()) {
		t.Errorf("the list is %q, its report %v", lines, w.configMap(t.Context(), "registry-pins-report").Data)
	}
}

// The next leader finds the report that belongs to the list.
func TestReportIsWrittenBeforeTheLeaseIsReleased(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var stopping, released, wasCurrent bool
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if !stopping || request.Method != http.MethodPut || !strings.Contains(request.URL.Path, "/leases/") {
			return next.RoundTrip(request)
		}
		ctx := context.WithoutCancel(request.Context()) // that of a renewal ends with the process
		isCurrent := w.isCurrent(ctx)
		response, err := next.RoundTrip(request)
		lease := &coordinationv1.Lease{}
		if err := w.client.Get(ctx, client.ObjectKey{Namespace: w.own, Name: controllers.Name}, lease); err != nil {
			t.Error(err)
		}
		if holder := lease.Spec.HolderIdentity; holder == nil || *holder == "" {
			released, wasCurrent = true, isCurrent
		}
		return response, err
	})
	options := w.options()
	options.LeaderElect = true
	stop := w.start(options)
	w.expect()
	w.suspend("web", app+":v1")
	w.until(w.lists("container/app==v1\n"))
	mu.Lock()
	stopping = true
	mu.Unlock()
	stop()
	if !released || !wasCurrent {
		t.Errorf("the lease was released: %t, and the report was there before: %t", released, wasCurrent)
	}
}

// The report names the releases that are not protected: those that are ready, also while pins are
// held for them, and suspended ones that are disabled.
func TestReportNamesUnprotectedReleases(t *testing.T) {
	w := newWorld(t)
	names := func(live, disabled string) func(*published) (bool, string) {
		return func(p *published) (bool, string) {
			var got []string
			for _, u := range p.report.Unprotected {
				got = append(got, fmt.Sprintf("%s%s%s", u.Namespace, u.Live, u.Disabled))
			}
			want := []string(nil)
			if live+disabled != "" {
				want = []string{fmt.Sprintf("%s[%s][%s]", w.apps, live, disabled)}
			}
			return slices.Equal(got, want), fmt.Sprintf("unprotected are %q, want %q", got, want)
		}
	}
	w.suspend("web", app+":v1")
	w.suspend("other", app+":v2")
	w.start(w.hasty())
	w.report(names("", ""))
	change(w, &helmv2.HelmRelease{}, w.apps, "other", func(r *helmv2.HelmRelease) {
		r.Annotations = map[string]string{"pinsync.oleks.space/sync": "disabled"}
	})
	w.report(names("", "other"))
	w.resume()
	w.expectHeld("v1")
	w.report(names("", "other"))
	w.becomeReady()
	w.run(app + ":v1")
	w.expectHeld()
	w.report(names("web", "other"))
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	w.expect("v1")
	w.report(names("", "other"))
}
