package controllers

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// A pass is due soon for what only another pass does, and later for what is read beside the passes, however long
// that takes.
func TestNextIn(t *testing.T) {
	needed := v1alpha1.Pin{Pin: "container/app==v1", State: v1alpha1.PinNeeded}
	held := v1alpha1.Pin{Pin: "container/app==v1", State: v1alpha1.PinHeld, HeldFor: []v1alpha1.Hold{{}}}
	for name, test := range map[string]struct {
		shares        func(s *shares)
		before, after []v1alpha1.Pin
		more, events  bool
		want          time.Duration
	}{
		"nothing":                        {want: time.Hour},
		"more to read":                   {more: true, want: requeueDelay},
		"a chart":                        {shares: func(s *shares) { s.wait("apps") }, want: readRetry},
		"a chart for too long":           {shares: func(s *shares) { s.wait("apps"); s.accounts["apps"].waited = budget.MaxWait }, want: readRetry},
		"events":                         {events: true, want: eventsInterval},
		"a share":                        {shares: func(s *shares) { s.spend("apps", budget.ShareBytes); s.spend("apps", 0) }, want: requeueDelay},
		"a chart and a pin that is held": {shares: func(s *shares) { s.wait("apps") }, before: []v1alpha1.Pin{held}, after: []v1alpha1.Pin{held}, want: 2 * time.Second},
		"a pin that is held now":         {before: []v1alpha1.Pin{needed}, after: []v1alpha1.Pin{held}, want: requeueDelay},
		"a pin less":                     {before: []v1alpha1.Pin{needed}, want: requeueDelay},
	} {
		r := Reconciler{planner: pin.NewPlanner(pin.Options{}), recorder: &eventRecorder{isBehind: test.events}, gatherer: &gatherer{
			shares: newShares(), pods: &pods{interval: 2 * time.Second}, watches: newWatches(&Options{}, reconcile.Request{}, &knownVersions{}),
		}}
		if test.shares != nil {
			test.shares(r.gatherer.shares)
		}
		got := r.nextIn(&pin.Snapshot{Memory: pin.Memory{Pins: test.before}}, &v1alpha1.PinReport{Pins: test.after}, test.more, time.Hour)
		if got != test.want {
			t.Errorf("%s: the next pass is due after %s, want %s", name, got, test.want)
		}
	}
}
