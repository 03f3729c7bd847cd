package informers

import (
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// SilenceTolerance is how long a watch may send nothing new before the API server is asked how
// far it should have come; after twice that time its cache counts as out of date. kube-apiserver
// sends a bookmark about once a minute, so one comes in each half.
const SilenceTolerance = 75 * time.Second

// evidence shows how long ago a cache was current for sure: when all objects were read, or when
// the watch sent an event or a bookmark with a newer resource version than all before.
//
// That a bookmark comes is not enough. kube-apiserver sends it by the clock, with the resource
// version that its watch cache has, even if that gets nothing from etcd any more. Nor is it
// evidence against a watch that its bookmarks repeat a resource version, or that a list returns a
// newer one: that grows with each write of any kind, and etcd reports it to the watch cache of a
// kind without changes only every few minutes. But a consistent list makes the watch cache
// request a report, so a bookmark after the list must have its resource version or a newer one.
type evidence struct {
	tolerance time.Duration

	// shown is when the cache was known to be current last; zero, its objects were not read yet.
	// replaced is when all of them were read last: that may have taken a while since shown.
	shown, replaced time.Time
	// newest is the newest resource version that was read.
	newest string

	// requested is when a consistent list was requested last, received when it was answered, and
	// wanted its resource version, empty once the watch has sent that or a newer one.
	requested, received time.Time
	wanted              string
}

// readAll notes that a consistent read that was requested at that time replaces the cache.
func (e *evidence) readAll(now, requested time.Time, version string) {
	e.shown, e.replaced, e.newest = requested, now, version
	e.requested, e.wanted = time.Time{}, ""
}

// read notes a resource version that the watch has sent.
func (e *evidence) read(now time.Time, version string) {
	if !isNewer(version, e.newest) {
		return
	}
	e.newest = version
	if !isNewer(e.wanted, version) {
		e.shown, e.wanted = now, ""
	}
}

// isBehind reports whether a bookmark of that resource version should have had a newer one.
func (e *evidence) isBehind(now time.Time, bookmark string) bool {
	// It may have been on the way when the list was answered.
	return isNewer(e.wanted, bookmark) && now.Sub(e.received) >= OutageTolerance
}

// listed notes which resource version the consistent list returned.
func (e *evidence) listed(now time.Time, version string) {
	switch {
	case e.shown.After(e.requested):
	case isNewer(version, e.newest):
		e.wanted, e.received = version, now
	case isNewer(e.newest, version):
		// The API server has gone back, as after a restore of etcd: the watch may leave out all until then.
	default:
		e.shown = e.requested
	}
}

// step is what is to be done about a watch that sends nothing new.
type step int

const (
	nothing step = iota
	// request means that a consistent list is to be requested.
	request
	// report means that the cache counts as out of date from now on.
	report
	// reopen means that all objects are to be read again.
	reopen
)

// next returns what is to be done now, and when to ask again.
func (e *evidence) next(now time.Time) (step, time.Duration) {
	age, outdated := e.age(now), 2*e.tolerance
	switch {
	case age < e.tolerance:
		return nothing, e.tolerance - age
	case !e.requested.After(e.shown):
		e.requested = now
		return request, max(outdated-age, OutageTolerance)
	case age < outdated:
		return nothing, outdated - age
	case age < outdated+OutageTolerance || now.Sub(e.replaced) < outdated:
		return report, OutageTolerance // until then a pass has seen it
	default:
		return reopen, 0
	}
}

// isOutdated reports whether nothing has shown for too long that the cache is current.
func (e *evidence) isOutdated(now time.Time) bool {
	return e.age(now) >= 2*e.tolerance
}

// age returns for how long nothing has shown that the cache is current. A machine that was
// suspended knows that from its wall clock alone.
func (e *evidence) age(now time.Time) time.Duration {
	if e.shown.IsZero() {
		return 0
	}
	return max(now.Sub(e.shown), now.Round(0).Sub(e.shown.Round(0)))
}

// isNewer reports whether a resource version is newer than another one of the same kind. Of what
// cannot be compared, nothing is known.
func isNewer(version, than string) bool {
	if version == "" || than == "" {
		return version != ""
	}
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order > 0
}
