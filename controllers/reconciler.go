// Package controllers keeps the ConfigMap of pins in step with the cluster.
package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
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

// Reconciler keeps one ConfigMap. Whatever changes in the cluster, the request is
// the same, the ConfigMap's name, and a pass does the same four steps:
//
//  1. recall: the ConfigMap is read, and with it what the last list said; a write
//     succeeds only on this version, so nothing that is older than it is written;
//  2. gather: what the caches know becomes a snapshot;
//  3. plan: the snapshot becomes a report, without knowing of any cluster;
//  4. apply: the ConfigMap is written if it says something else or is old.
//
// Then it tells people what they should mend.
type Reconciler struct {
	options Options
	watches *watches
	// failures are the watches whose caches are not current.
	failures *watchErrors
	// started is when the first pass began: when this replica began to lead.
	started time.Time

	// client reads from the caches and writes to the API server.
	client client.Client
	// live reads from the API server: what a write is decided on is never old.
	live client.Reader

	// sources are what values come from, and sourceWatches follow their changes.
	sources       *sources
	sourceWatches []*sourceWatch

	teller   *teller
	problems *problemCounter
}

// Reconcile makes one pass, and says when the next is due.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	next, err := r.pass(ctx, request.NamespacedName)
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

func (r *Reconciler) pass(ctx context.Context, configMap types.NamespacedName) (next time.Duration, err error) {
	if r.started.IsZero() {
		r.started = time.Now()
	}
	current, err := r.recall(ctx, configMap)
	if err != nil {
		return 0, err
	}
	s, err := r.gather(ctx)
	if err != nil {
		return 0, err
	}
	if s == nil {
		return soon, nil
	}
	s.Previous = pin.Recall(current.Data[v1alpha1.PinsKey], current.Data[v1alpha1.ReportKey])
	report := pin.Plan(s, r.options.Pins)
	next, err = r.apply(ctx, current, report, s)
	if err != nil {
		return 0, err
	}
	r.problems.count(report)
	r.teller.tell(ctx, report)
	if !s.Complete() {
		next = min(next, askAgain)
	}
	return next, nil
}
