package controllers

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// stallInterval is how often it is logged that the list is not written, as long as that lasts.
const stallInterval = 30 * time.Second

// stall logs why list or report are not written: one line for many passes that fail for it.
type stall struct {
	// since is when the first of these passes ended; zero, the last one has succeeded.
	since time.Time
	// logged is when a line was logged last; zero, there was none yet.
	logged time.Time
}

// wait notes that a pass has nothing to plan from yet. It is logged once that has lasted: reading all
// objects takes some seconds at every start.
func (s *stall) wait(ctx context.Context, now time.Time, reason string) {
	s.since = cmp.Or(s.since, now)
	if now.Sub(s.since) >= stallInterval {
		s.log(ctx, now, "list", reason)
	}
}

// fail notes that a pass has failed, after it has written the list or before.
func (s *stall) fail(ctx context.Context, now time.Time, hasList bool, err error) {
	s.since = cmp.Or(s.since, now)
	object := "list"
	if hasList {
		object = "report"
	}
	s.log(ctx, now, object, err.Error())
}

func (s *stall) log(ctx context.Context, now time.Time, object, reason string) {
	if !s.logged.IsZero() && now.Sub(s.logged) < stallInterval {
		return
	}
	s.logged = now
	log.FromContext(ctx).Error(nil, "The "+object+" is not written", "because", reason, "for", now.Sub(s.since).Round(time.Second).String())
}

// end notes that a pass has succeeded.
func (s *stall) end(ctx context.Context, now time.Time) {
	if !s.logged.IsZero() {
		log.FromContext(ctx).Info("List and report are written again", "after", now.Sub(s.since).Round(time.Second).String())
	}
	*s = stall{}
}

// warn logs what somebody should know and need not do anything about at once. logr has no level for
// it: a logger made of a slog.Handler has, every other one logs it as information.
func warn(ctx context.Context, message string, keysAndValues ...any) {
	slog.New(logr.ToSlogHandler(log.FromContext(ctx))).WarnContext(ctx, message, keysAndValues...)
}
