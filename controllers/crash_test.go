package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/controllers"
)

// crash ends a controller after a change that the list has and the report has not.
func (w *world) crash(options controllers.Options, change func()) {
	w.t.Helper()
	config := w.config
	var isDown atomic.Bool
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if isDown.Load() && request.Method != http.MethodGet && strings.Contains(request.URL.Path, "/configmaps/registry-pins-report") {
			return nil, fmt.Errorf("no answer, for a test")
		}
		return next.RoundTrip(request)
	})
	stop := w.start(options)
	w.config = config
	plan := w.current().list.Annotations["pinsync.oleks.space/plan"]
	isDown.Store(true)
	change()
	w.until(func(ctx context.Context) (bool, string) {
		now := w.list(ctx).Annotations["pinsync.oleks.space/plan"]
		return now != plan, "the plan is still " + now
	})
	stop()
	if w.isCurrent(w.t.Context()) {
		w.t.Fatal("the report was written")
	}
}

// knownOwners starts with a list of which all owners are known, and one pin, of the release web.
func (w *world) knownOwners(options controllers.Options) {
	w.t.Helper()
	stop := w.start(options)
	w.suspend("web", app+":v1")
	if w.expect("v1").report.OwnersUnknown {
		w.t.Fatal("the owners are not known")
	}
	stop()
}

// owners returns for whom a pin of container/app is needed or held.
func (p *published) owners(tag string) string {
	var owners []string
	for i := range p.report.Pins {
		if pin := &p.report.Pins[i]; pin.Pin == "container/app=="+tag {
			owners = append(owners, pin.NeededBy...)
			for _, hold := range pin.HeldFor {
				owners = append(owners, "held for "+hold.Owner)
			}
		}
	}
	return strings.Join(owners, ", ")
}

// A release came to need a pin that was listed for another one, and of that only the list was
// written before a crash. It was resumed while nobody ran. The pin is held for it.
func TestOwnerIsFoundAfterACrash(t *testing.T) {
	w := newWorld(t)
	options := w.hasty()
	w.knownOwners(options)
	w.crash(options, func() { w.suspend("other", app+":v1") })
	change(w, &helmv2.HelmRelease{}, w.apps, "other", func(r *helmv2.HelmRelease) { r.Spec.Suspend = false })

	w.start(options)
	if p := w.current(); p.list.Data["registry-pins.txt"] != "container/app==v1\n" {
		t.Errorf("after the crash the report is %+v", p.report)
	}
	w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "web"}})
	owner := "held for HelmRelease/" + w.apps + "/other"
	w.report(func(p *published) (bool, string) {
		owners := p.owners("v1")
		return strings.Contains(owners, owner) && !p.report.OwnersUnknown, fmt.Sprintf("owners %q, unknown: %t", owners, p.report.OwnersUnknown)
	})
	// The deleted release does without it for longer than the grace, and the one that is not live
	// does not.
	p := w.report(func(p *published) (bool, string) {
		holds := p.report.Pins[0].HeldFor
		since := holds[len(holds)-1].SafeSince
		if since == nil {
			return false, "the deleted release is not safe without it"
		}
		safe, err := time.Parse(time.RFC3339, *since)
		return time.Since(safe) > 2*options.Pins.Grace, fmt.Sprintf("it is safe since %s, %v", *since, err)
	})
	if !strings.Contains(p.owners("v1"), owner) || p.list.Data["registry-pins.txt"] != "container/app==v1\n" {
		t.Errorf("the owners are %s, the list is %q", p.owners("v1"), p.list.Data["registry-pins.txt"])
	}
}

// A pin that was added before a crash, whose release was resumed while nobody ran, is held for
// that release, and kept for a suspended one that may have run it.
func TestAddedPinIsHeldAfterACrash(t *testing.T) {
	w := newWorld(t)
	options := w.hasty()
	w.knownOwners(options)
	w.crash(options, func() { w.suspend("other", app+":v2") })
	change(w, &helmv2.HelmRelease{}, w.apps, "other", func(r *helmv2.HelmRelease) { r.Spec.Suspend = false })

	w.start(options)
	want := "HelmRelease/" + w.apps + "/web, held for HelmRelease/" + w.apps + "/other"
	w.report(func(p *published) (bool, string) {
		owners := p.owners("v2")
		return owners == want && !p.report.OwnersUnknown, fmt.Sprintf("owners %q, unknown: %t", owners, p.report.OwnersUnknown)
	})
}

// A list of a plan that no report is on may be whatever somebody has written.
func TestListOfALaterPlan(t *testing.T) {
	w := newWorld(t)
	w.knownOwners(w.options())
	const pins, images = "container/app==v1\ncontainer/app==v9\n", app + ":v1\n" + app + ":v9\n"
	change(w, &corev1.ConfigMap{}, w.own, "registry-pins", func(c *corev1.ConfigMap) {
		c.Data["registry-pins.txt"], c.Data["images.txt"] = pins, images
		c.Annotations["pinsync.oleks.space/plan"] = "2999-01-01T00:00:00Z"
		c.Annotations["pinsync.oleks.space/checksum"] = sha256Of(pins)
		c.Annotations["pinsync.oleks.space/images-checksum"] = sha256Of(images)
		c.Annotations["pinsync.oleks.space/pins"] = "2"
	})
	w.start(w.options())
	p := w.expect("v1", "v9")
	web := "HelmRelease/" + w.apps + "/web, held for "
	if p.list.Data["registry-pins.txt"] != pins || p.owners("v9") != web+"*" || p.owners("v1") != web+"+" {
		t.Errorf("the list is %q, the report %+v", p.list.Data["registry-pins.txt"], p.report)
	}
}
