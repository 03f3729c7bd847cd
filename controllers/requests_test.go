package controllers

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// What is read while more is to be read costs one pass, a little later; none comes after one that was asked
// for at once.
func TestRequestsForLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRequests()
		r.askLater()
		r.askLater()
		if synctest.Wait(); len(r.events) > 0 {
			t.Error("a pass is asked for at once")
		}
		time.Sleep(2 * minWriteInterval)
		if synctest.Wait(); len(r.events) != 1 {
			t.Errorf("%d passes are asked for", len(r.events))
		}
		<-r.events
		r.askLater()
		r.ask()
		<-r.events
		time.Sleep(4 * minWriteInterval)
		if synctest.Wait(); len(r.events) > 0 {
			t.Error("a second pass is asked for")
		}
		r.askLater()
		time.Sleep(2 * minWriteInterval)
		if synctest.Wait(); len(r.events) != 1 {
			t.Error("none is asked for any more")
		}
	})
}

// What is read again and again, because the caches are behind, makes no pass after the other, and none is lost.
func TestRequestsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, passes := newRequests(), 0
		for range 60_000 {
			r.ask()
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if len(r.events) > 0 {
				<-r.events
				passes++
			}
		}
		if passes < 40 || passes > 90 {
			t.Errorf("%d passes are asked for in a minute", passes)
		}
		time.Sleep(2 * minWriteInterval)
		if synctest.Wait(); len(r.events) != 1 {
			t.Error("the last request is lost")
		}
	})
}

// What becomes due just after the last read is read, too, and at once: a pass is asked for that can start it.
func TestDueAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var due, reads atomic.Int32
		var b background
		passes, began := newRequests(), time.Now()
		passes.limiter = rate.NewLimiter(rate.Inf, 0)
		pass := func() {
			b.start(t.Context(), passes, func() []string { return make([]string, due.Load()) }, func(context.Context, string) {
				reads.Add(1)
				due.Add(-1)
			})
		}
		for n := int32(1); n <= 10_000; n++ {
			due.Store(1)
			for pass(); reads.Load() < n; pass() {
				for range 10_000 { // a request that is waited for is seen later than its reader goes on
					if len(passes.events) > 0 {
						break
					}
				}
				<-passes.events
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it was read after %s", waited)
		}
	})
}
