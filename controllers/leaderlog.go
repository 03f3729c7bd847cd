package controllers

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// leaderInterval is how often the lease is read to log who the leader is.
const leaderInterval = 10 * time.Second

// leaderLog logs on every replica who the leader is, whenever that changes: whoever reads the log of
// a standby learns whose log to read.
type leaderLog struct {
	live   client.Reader
	lease  types.NamespacedName
	holder string
}

// NeedLeaderElection makes the manager start it on every replica.
func (*leaderLog) NeedLeaderElection() bool { return false }

// Start reads the lease until ctx is done.
func (l *leaderLog) Start(ctx context.Context) error {
	wait.NonSlidingUntilWithContext(ctx, l.read, leaderInterval)
	return nil
}

// read reads the lease once. Leader election logs what fails of that.
func (l *leaderLog) read(ctx context.Context) {
	var lease coordinationv1.Lease
	if err := l.live.Get(ctx, l.lease, &lease); err != nil || lease.Spec.HolderIdentity == nil {
		return
	}
	if holder := *lease.Spec.HolderIdentity; holder != "" && holder != l.holder {
		l.holder = holder
		log.FromContext(ctx).Info("Found the leader, the replica that writes the list", "leader", holder)
	}
}
