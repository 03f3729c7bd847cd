package controllers

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
)

// maxEvents is how many events about changes are sent in one pass at most, and how many about problems. An
// installation in a large cluster, or an annotation on a large namespace, would cause thousands: the recorder sends
// all at once, each in a request of its own, and drops those that are too many for it.
//
// maxWaiting is how many changes wait for the passes after. The report has those that are dropped.
const (
	maxEvents  = 100
	maxWaiting = 1000
)

// inTurn returns the events that are sent in one pass, and those that are too many: no namespace has its second
// event before all have their first, and those of a namespace stay in their order.
func inTurn(all []pendingEvent) (now, later []pendingEvent) {
	count := map[string]int{}
	for i := range all {
		namespace := cmp.Or(all[i].about.name.Namespace, all[i].about.name.Name)
		all[i].turn = count[namespace]
		count[namespace]++
	}
	slices.SortStableFunc(all, func(a, b pendingEvent) int { return cmp.Compare(a.turn, b.turn) })
	sent := min(len(all), maxEvents)
	return all[:sent], all[sent:]
}

// eventBurst is how many events about one object are sent at once, and eventInterval how often one
// more is: an object that changes all the time costs no more.
const (
	eventBurst    = 25
	eventInterval = time.Minute
)

// allow reports whether one more event about an object may be sent.
func (r *eventRecorder) allow(name types.NamespacedName) bool {
	if r.limits == nil || len(r.limits) > maxLimits {
		r.limits = map[types.NamespacedName]*rate.Limiter{} // all have their burst again
	}
	limit := r.limits[name]
	if limit == nil {
		limit = rate.NewLimiter(rate.Every(eventInterval), eventBurst)
		r.limits[name] = limit
	}
	return limit.Allow()
}

// maxLimits is of how many objects it is known how many events were sent about them.
const maxLimits = 10_000
