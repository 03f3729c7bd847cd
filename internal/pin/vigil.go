package pin

import "time"

// A vigil is broken where the cluster was not looked at for longer than maxPause,
// or where the clock was set by more than maxJump: times that were noted before
// cannot be compared with those of now.
const (
	maxPause = 2 * time.Minute
	maxJump  = time.Second
)

// Vigil knows since when the cluster has been watched without a break. What may
// have happened in a break nobody knows: a release may have been suspended and
// resumed, and a cleaner may have looked while it had no pods.
type Vigil struct {
	since, last time.Time
}

// Look begins a look at the cluster, and returns since when it has been watched.
// The time that has elapsed since the last look is measured by a clock that cannot
// be set.
func (v *Vigil) Look(now time.Time, elapsed time.Duration) time.Time {
	jump := now.Round(0).Sub(v.last.Round(0)) - elapsed
	if v.since.IsZero() || elapsed > maxPause || jump.Abs() > maxJump {
		v.since = now
	}
	v.last = now
	return v.since
}

// Break says that the last look did not see everything, or that somebody else has
// looked, too, and noted times of another clock.
func (v *Vigil) Break() {
	v.since = time.Time{}
}
