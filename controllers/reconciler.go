// Package controllers keeps the ConfigMap of pins in step with the cluster.
package controllers

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// soon is when a pass is made again that could not be finished because something
// else was first: the caches are still being read, or somebody else wrote.
const soon = time.Second

// askAgain is when a pass is made again in which a read got no answer.
const askAgain = 10 * time.Second

// window is how long after a write the next one is made at the earliest. What changes in
// between is written together: a write of a large list takes the API server, etcd and every
// reader a good part of this time. It is short beside what it takes a cleaner to look.
const window = 750 * time.Millisecond

// afterStart is how long after the first complete list the start is over: the events about it
// are told.
const afterStart = 20 * time.Second

// Reconciler keeps one list of pins. Whatever changes in the cluster, the request is
// the same, the list's name, but for the list's own ConfigMaps, which ask for a pass only if
// somebody else has changed them. A pass does the same four steps:
//
//  1. recall: what the last list said is known, or read again; a write succeeds only on
//     the versions that were read, so nothing that is older is written;
//  2. gather: what the caches know becomes a snapshot, with what else is to be known of
//     releases that pins are held for;
//  3. plan: the snapshot becomes a report, without knowing of any cluster;
//  4. apply: the ConfigMaps are written that say something else or are old.
//
// Then it tells people what they should mend.
type Reconciler struct {
	options Options
	watches *watches
	// started is when the first pass began: when this replica began to lead; written is when
	// the last write was made. hasBegun says that there is a complete list.
	started, written time.Time
	hasBegun         bool

	// vigil knows since when no pass has missed anything, and looked is when the last
	// one began.
	vigil  pin.Vigil
	looked time.Time

	list *store
	// live reads from the API server itself.
	live client.Reader

	// sources are what values come from, and sourceWatches follow their changes.
	sources       *sources
	contents      *contents
	sourceWatches []*sourceWatch
	pods          *pods

	planner *pin.Planner
	teller  *teller
	meters  *meters
	// unanswered is what was logged last of the reads that got no answer.
	unanswered string
}

// Reconcile makes one pass, and says when the next is due. Where it is only told that the list
// has changed, it first looks whether somebody else has changed it.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if request == r.watches.configMaps.onEvent {
		if isAsKnown, err := r.list.isAsKnown(ctx); err != nil || !isAsKnown {
			r.watches.configMaps.stream.askForPass()
		}
		return reconcile.Result{}, nil
	}
	next, err := r.pass(ctx)
	switch {
	case err == nil:
		return reconcile.Result{RequeueAfter: next}, nil
	case ctx.Err() != nil:
		return reconcile.Result{}, nil //nolint:nilerr // told to stop: whatever failed, failed of that
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		log.FromContext(ctx).Info("Somebody else wrote the ConfigMap meanwhile, reading it again")
		return reconcile.Result{RequeueAfter: soon}, nil
	default:
		return reconcile.Result{}, err
	}
}

func (r *Reconciler) pass(ctx context.Context) (next time.Duration, err error) {
	now := time.Now()
	if r.started.IsZero() {
		r.started = now
	}
	if left := window - now.Sub(r.written); left > 0 {
		return left, nil
	}
	if !r.watches.configMaps.isInSync() {
		return soon, nil
	}
	done := r.meters.step("recall")
	changed, err := r.list.read(ctx)
	done()
	if changed || err != nil {
		r.vigil.Break()
	}
	if err != nil {
		return 0, err
	}
	done = r.meters.step("gather")
	s, more := r.gather(ctx, now)
	done()
	if s == nil {
		r.vigil.Break()
		return soon, nil
	}
	if !s.Complete() {
		r.vigil.Break()
	}
	done = r.meters.step("plan")
	report := r.planner.Plan(s)
	done()
	done = r.meters.step("apply")
	next, err = r.apply(ctx, report, s)
	done()
	if err != nil {
		return 0, err
	}
	r.meters.report(report)
	r.logUnanswered(ctx, s)
	r.teller.tell(ctx, s, report)
	r.endStart(s)
	switch {
	case more, pin.HoldsMore(s.Memory, report):
		next = soon
	case !s.Complete():
		next = askAgain
	case slices.ContainsFunc(report.Pins, func(p v1alpha1.Pin) bool { return len(p.HeldFor) > 0 }):
		next = min(next, r.pods.every)
	}
	if r.isInDoubt() {
		next = min(next, calm)
	}
	return max(next, soon), nil
}

// endStart gives memory back some time after the first complete list: reading everything,
// and telling of it, leave several times as much behind as is kept, and as long as nothing
// happens nobody would.
func (r *Reconciler) endStart(s *pin.Snapshot) {
	if s.Complete() && !r.hasBegun {
		r.hasBegun = true
		time.AfterFunc(afterStart, debug.FreeOSMemory)
	}
}

// isInDoubt says whether something that feeds the caches is interrupted, or was just
// now.
func (r *Reconciler) isInDoubt() bool {
	return slices.ContainsFunc(r.watches.all(), func(k *kind) bool { return k.stream.isInDoubt() }) ||
		slices.ContainsFunc(r.sourceWatches, func(w *sourceWatch) bool { return w.stream.isInDoubt() })
}

// logUnanswered logs the reads that got no answer, once.
func (r *Reconciler) logUnanswered(ctx context.Context, s *pin.Snapshot) {
	var texts []string
	for _, problem := range s.Unanswered {
		texts = append(texts, problem.Object+": "+problem.Message)
	}
	slices.Sort(texts)
	text := strings.Join(texts, "; ")
	switch text {
	case r.unanswered:
		return
	case "":
		log.FromContext(ctx).Info("The list is complete again")
	default:
		log.FromContext(ctx).Info("The list is incomplete, and nothing leaves it: what could not be read is told in the report",
			"reads", len(texts), "first", texts[0])
	}
	r.unanswered = text
}
