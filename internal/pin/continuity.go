package pin

import "time"

// The observation of the cluster counts as interrupted if it paused for longer than
// maxPause, or if the clock was set by more than maxJump: times that were noted before
// cannot be compared with those after.
const (
	maxPause = 2 * time.Minute
	maxJump  = time.Second
)

// Continuity knows since when the cluster has been observed without interruption. What
// happened in an interruption is unknown: a release may have been suspended and resumed, and
// a cleaner may have looked while it had no pods.
type Continuity struct {
	since, last time.Time
}

// Observe begins an observation of the cluster, and returns since when there was no
// interruption. The time elapsed since the last one is that of a monotonic clock.
func (c *Continuity) Observe(now time.Time, elapsed time.Duration) time.Time {
	jump := now.Round(0).Sub(c.last.Round(0)) - elapsed
	if c.since.IsZero() || elapsed > maxPause || jump.Abs() > maxJump {
		c.since = now
	}
	c.last = now
	return c.since
}

// Interrupt notes that the last observation did not see everything, or that another process
// has observed the cluster, too, and noted times of another clock.
func (c *Continuity) Interrupt() {
	c.since = time.Time{}
}
