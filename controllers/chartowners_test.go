package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Nobody knows any more whose a pin is that only a chart names, and its release was resumed meanwhile.
// The chart shows that the pin is the release's: it stays until the release is live.
func TestOwnerByItsChart(t *testing.T) {
	w, _ := chartWorld(t)
	stop := w.start(w.withCharts())
	w.expect("1.0.0")
	stop()
	w.remove(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.own, Name: "registry-pins-report"}})
	w.resume()

	options := w.withCharts()
	w.start(options)
	owner := "held for HelmRelease/" + w.apps + "/web"
	w.report(func(p *published) (bool, string) {
		owners := p.owners("1.0.0")
		return strings.Contains(owners, owner), fmt.Sprintf("the owners are %q, want %q", owners, owner)
	})
	since := time.Now()
	w.until(func(context.Context) (bool, string) {
		return time.Since(since) > 2*options.Pins.Grace, "the grace is not over"
	})
	if list := w.current().list.Data["registry-pins.txt"]; list != "container/app==1.0.0\n" {
		t.Fatalf("a release that is not live lost its pin: the list is %q", list)
	}
	w.becomeReady()
	w.run(app + ":1.0.0")
	w.until(w.listOf("registry-pins", ""))
}
