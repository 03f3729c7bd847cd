package controllers_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const requestedAt = "pinsync.oleks.space/requested-at"

// request asks for a renewal of the list, as a cleaner does.
func (w *world) request(ctx context.Context, value string) {
	w.t.Helper()
	list := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: "registry-pins"}}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, requestedAt, value)
	if err := w.client.Patch(ctx, list, client.RawPatch(types.MergePatchType, patch)); err != nil {
		w.t.Fatal(err)
	}
	w.edits[list.ResourceVersion] = true
}

// syncedAt returns when the list was last known to be current.
func syncedAt(list *corev1.ConfigMap) string {
	return list.Annotations["pinsync.oleks.space/synced-at"]
}

// secondAfter waits until it is a later second than that of the list's synced-at.
func (w *world) secondAfter(list *corev1.ConfigMap) {
	w.t.Helper()
	w.until(func(context.Context) (bool, string) {
		now := time.Now().UTC().Format(time.RFC3339)
		return now > syncedAt(list), now
	})
}

// A list is renewed at once when that is requested, although nothing has changed, and once for
// each value, whatever the value is.
func TestRenewalIsRequested(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	first := w.expect("v1")
	last := first.list
	for _, value := range []string{time.Now().UTC().Format(time.RFC3339Nano), "now", "2999-01-01T00:00:00Z"} {
		w.secondAfter(last)
		w.request(t.Context(), value)
		before := last
		w.until(func(ctx context.Context) (bool, string) {
			last = w.list(ctx)
			return syncedAt(last) > syncedAt(before), fmt.Sprintf("%s, it was %s", syncedAt(last), syncedAt(before))
		})
		if last.Annotations[requestedAt] != value || last.Data["registry-pins.txt"] != "container/app==v1\n" {
			t.Errorf("the list is %v", last)
		}
	}
	// The same value asks for nothing: the pass that another edit causes renews nothing.
	w.secondAfter(last)
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins", func(c *corev1.ConfigMap) { c.Annotations["theirs"] = "kept" })
	w.suspend("other", app+":v2")
	after := w.expect("v1", "v2")
	if writes := w.writesBetween(last, after.list); writes != 1 {
		t.Errorf("%d writes, want that of the new pin alone", writes)
	}
}

// writesBetween counts the versions after the first, as far as the last, that the controller wrote.
func (w *world) writesBetween(first, last *corev1.ConfigMap) int {
	w.t.Helper()
	n := 0
	for _, version := range w.between(first, last) {
		if !w.edits[version.ResourceVersion] {
			n++
		}
	}
	return n
}

// Requests again and again cause at most one write, and one pass that reads the list again, in the
// interval between two writes. They do not count as tampering with the list: the grace of a pin
// goes on, and ends. Each is a change of the list, so that a pass can only write where there is none
// during it: a second without requests follows two with them.
func TestRequestsAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	reads := countReads(t, w)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Annotations = map[string]string{"pinsync.oleks.space/sync": "disabled"} })
	first := w.expectHeld("v1").list
	begin, requests, before := time.Now(), 0, reads()[w.listPath()]
	w.until(func(ctx context.Context) (bool, string) {
		if int(time.Since(begin).Seconds())%3 < 2 {
			requests++
			w.request(ctx, fmt.Sprint("request ", requests))
		}
		pins := w.list(ctx).Data["registry-pins.txt"]
		return pins == "", pins
	})
	last := w.list(t.Context())
	read := reads()[w.listPath()] - before
	most := 2 + int(time.Since(begin)/(750*time.Millisecond))
	if writes := w.writesBetween(first, last); writes > most || read > most || requests <= most {
		t.Errorf("%d requests caused %d writes and %d reads, want at most %d of each", requests, writes, read, most)
	}
}

// listPath is where the API server lists the ConfigMaps of the controller's namespace.
func (w *world) listPath() string { return "/api/v1/namespaces/" + w.own + "/configmaps" }
