// Package controllers keeps the ConfigMap of pins in step with the cluster.
package controllers

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Reconciler keeps one list of pins. Whatever changes in the cluster, the request is the same,
// the list's name. A pass takes these steps:
//
//  1. load: the publisher returns what the last list said, which it reads again if somebody else
//     has changed it; a write succeeds only on the versions that were read;
//  2. gather: the gatherer takes a snapshot of what the caches have, and of what else a plan
//     needs to know to remove pins;
//  3. plan: the planner turns the snapshot into a report, without access to the cluster;
//  4. publish: the publisher writes the list's ConfigMaps that have changed or are due;
//  5. record: the event recorder records what is new in the report.
//
// Last the publisher writes the report, if it is due. What pods run and workloads name is read beside
// the passes: a list never waits for either.
type Reconciler struct {
	namespace string
	request   reconcile.Request
	watches   *watches

	gatherer  *gatherer
	planner   *pin.Planner
	publisher *publisher
	recorder  *eventRecorder
	metrics   *metrics

	// timeout is how long a pass may take.
	timeout time.Duration
	passes  *passes
	// retries has when a pass that has failed is made again, and stall logs that it has.
	retries workqueue.TypedRateLimiter[reconcile.Request]
	stall   stall
	changes changeLog

	// mu keeps passes and the write of the last report apart.
	mu sync.Mutex
	// started is when the first pass began: when this replica became the leader.
	started time.Time
	// freed is when memory was given back last, or is to be.
	freed time.Time
	// failedReads is what was logged last of the reads that have failed.
	failedReads string
}

// Reconcile makes one pass, and returns when the next is due. It returns no error: controller-runtime
// would log every pass that fails.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, hasList, err := r.limitedPass(ctx)
	r.passes.finish()
	if hasList && err == nil {
		r.retries.Forget(request)
		r.stall.end(ctx, time.Now())
	}
	switch {
	case err == nil:
		r.gatherer.readMore(ctx)
		return reconcile.Result{RequeueAfter: next}, nil
	case ctx.Err() != nil:
		return reconcile.Result{}, nil // the controller is stopping: whatever failed, failed of that
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		log.FromContext(ctx).Info("Somebody else wrote the ConfigMap meanwhile, reading it again")
		return reconcile.Result{RequeueAfter: requeueDelay}, nil
	default:
		return reconcile.Result{RequeueAfter: r.retryIn(ctx, request, hasList, err)}, nil
	}
}

// retryIn returns when a pass that has failed is made again. Events make one before that, unless the
// API server has rejected the list: then it will again.
func (r *Reconciler) retryIn(ctx context.Context, request reconcile.Request, hasList bool, err error) time.Duration {
	now, delay := time.Now(), r.retries.When(request)
	r.metrics.failures.WithLabelValues().Inc()
	r.stall.fail(ctx, now, hasList, err)
	if !hasList && (apierrors.IsInvalid(err) || apierrors.IsForbidden(err)) {
		r.publisher.notBefore = now.Add(delay)
	}
	return delay
}

// limitedPass makes a pass that fails once its time is over: requests to an API server that does
// not answer would hold it up for ever.
func (r *Reconciler) limitedPass(ctx context.Context) (next time.Duration, hasList bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	return r.pass(ctx)
}

// untilStopped returns a context that is canceled stopTimeout after ctx is done: where the answer to a
// write of the list is not awaited, the report on it cannot be written.
func untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(stopTimeout, cancel) })
	return longer, func() {
		forget()
		cancel()
	}
}

// writeReportOnStop waits until the controller stops, and writes the report that is not written
// yet. The lease is released after it.
func (r *Reconciler) writeReportOnStop(ctx context.Context) error {
	<-ctx.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := untilStopped(ctx)
	defer cancel()
	if err := r.publisher.writeReport(ctx); err != nil {
		log.FromContext(ctx).Info("The last report was not written; the next leader finds out who needs the pins", "reason", err.Error())
	}
	return nil
}

// pass returns when the next pass is due, and whether the list is written: nothing may be due yet.
func (r *Reconciler) pass(ctx context.Context) (next time.Duration, hasList bool, err error) {
	now := time.Now()
	r.started = cmp.Or(r.started, now)
	if wait := r.publisher.wait(now); wait > 0 {
		return wait, false, nil
	}
	if !r.watches.configMaps.IsInSync() {
		r.stall.wait(ctx, now, r.watches.missing())
		return requeueDelay, false, nil
	}
	done := r.metrics.step("load")
	memory, changed, err := r.publisher.load(ctx)
	done()
	if changed || err != nil {
		r.gatherer.interrupt()
	}
	if err != nil {
		return 0, false, err
	}
	done = r.metrics.step("gather")
	s, more := r.gatherer.gather(ctx, now, memory, now.Sub(r.started) < startupTimeout)
	done()
	if s == nil {
		r.stall.wait(ctx, now, r.watches.missing())
		return requeueDelay, false, nil
	}
	done = r.metrics.step("plan")
	report := r.planner.Plan(s)
	done()
	if ctx.Err() != nil {
		return 0, false, r.publisher.fail(report, ctx.Err()) // no write is begun any more
	}
	longer, cancel := untilStopped(ctx)
	defer cancel()
	done = r.metrics.step("publish")
	complete := s.Complete() && !r.gatherer.shares.isIncomplete()
	publishIn, err := r.publisher.publish(longer, report, view{complete: complete, taken: s.Taken, salt: r.salt(s)})
	done()
	if err != nil {
		return 0, false, err
	}
	if s.Complete() {
		r.gatherer.shares.count()
	}
	r.metrics.report(report)
	r.changes.log(ctx, s.Memory.Pins, report.Pins)
	r.logFailedReads(ctx, s)
	r.recorder.record(ctx, s, report)
	r.freeMemory(complete)
	reportIn, err := r.publisher.publishReport(longer)
	return r.nextIn(s, report, more, min(publishIn, reportIn)), true, err
}

// nextIn returns when the next pass is due where nothing changes.
func (r *Reconciler) nextIn(s *pin.Snapshot, report *v1alpha1.PinReport, more bool, publishIn time.Duration) time.Duration {
	next := min(publishIn, r.gatherer.shares.passIn())
	switch {
	case more, pin.IsUnfinished(s.Memory, report), r.planner.HasRoom():
		next = requeueDelay
	case !s.Complete():
		next = min(next, readRetry)
	case slices.ContainsFunc(report.Pins, func(p v1alpha1.Pin) bool { return len(p.HeldFor) > 0 }):
		next = min(next, r.gatherer.interval())
	}
	if r.recorder.isBehind {
		next = min(next, eventsInterval)
	}
	if r.gatherer.isInterrupted() {
		next = min(next, informers.OutageTolerance)
	}
	return max(next, requeueDelay)
}

// salt is what tenants do not know and never changes: the uid of the list's namespace.
func (r *Reconciler) salt(s *pin.Snapshot) string {
	for i := range s.Namespaces {
		if s.Namespaces[i].Name == r.namespace {
			return s.Namespaces[i].UID
		}
	}
	return ""
}

// logFailedReads logs the reads that have failed, once.
func (r *Reconciler) logFailedReads(ctx context.Context, s *pin.Snapshot) {
	var texts []string
	for _, problem := range s.FailedReads {
		texts = append(texts, problem.Object+": "+problem.Message)
	}
	slices.Sort(texts)
	text := strings.Join(texts, "; ")
	switch text {
	case r.failedReads:
		return
	case "":
		log.FromContext(ctx).Info("The list is complete again")
	default:
		warn(ctx, "The list is incomplete, and no pin is removed: the report has the reads that failed",
			"reads", len(texts), "first", texts[0])
	}
	r.failedReads = text
}
