package controllers

import (
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// A namespace spends its share, waits, and has some again with time; others do not wait. It makes a
// list incomplete for a part of each hour alone.
func TestShares(t *testing.T) {
	now := time.Now()
	s := newShares()
	s.clock = func() time.Time { return now }
	s.begin(map[string]int{"greedy": 1})
	expect := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %t, want %t", what, got, want)
		}
	}
	expectWaiting := func(what string, wantIncomplete bool, wantNext time.Duration) {
		t.Helper()
		incomplete, next := s.isIncomplete(), s.passIn()
		expect(what+", incomplete", incomplete, wantIncomplete)
		if next != wantNext {
			t.Errorf("%s: the next pass is due after %s, want %s", what, next, wantNext)
		}
	}
	expect("the first", s.spend("greedy", budget.ShareBytes), true)
	expect("what is left for its release", s.spend("greedy", 2*budget.ShareBytes), true)
	expectWaiting("nothing was refused", false, never)
	expect("beyond the share", s.spend("greedy", 0), false)
	expect("another namespace", s.spend("calm", budget.ShareBytes), true)
	expectWaiting("one was refused", true, requeueDelay)

	now = now.Add(2 * time.Minute)
	s.begin(nil)
	expectWaiting("a new pass", false, never)
	expect("after some time", s.spend("greedy", budget.ShareBytes+budget.ShareBytesPerRelease), true)
	expect("beyond it again", s.spend("greedy", 0), false)
	s.count()
	now = now.Add(budget.MaxWait)
	s.begin(nil)
	s.wait("greedy")
	expectWaiting("after no pass could be made", true, readRetry)
	pass := func() {
		now = now.Add(readRetry)
		s.begin(nil)
		s.wait("greedy")
	}
	for range budget.MaxWait / readRetry {
		pass()
	}
	expectWaiting("after passes have failed", true, readRetry)
	for range budget.MaxWait / readRetry {
		s.count()
		pass()
	}
	expectWaiting("a chart, for too long in this hour", false, readRetry)
	expect("a whole share", s.spend("greedy", 2*budget.ShareBytes), true)
	expect("and no more", s.spend("greedy", 0), false)
	expectWaiting("for too long in this hour", false, requeueDelay)
	now = now.Add(time.Hour)
	s.begin(nil)
	expect("the next hour", s.spend("greedy", 2*budget.ShareBytes), true)
	expect("and no more then", s.spend("greedy", 0), false)
	expectWaiting("in the next hour", true, requeueDelay)
}

// Namespaces that spend nothing are not kept.
func TestSharesAreRemoved(t *testing.T) {
	now := time.Now()
	s := newShares()
	s.clock = func() time.Time { return now }
	s.spend("apps", 1)
	now = now.Add(2 * time.Hour)
	s.begin(nil)
	if len(s.accounts) > 0 {
		t.Errorf("%d accounts are kept", len(s.accounts))
	}
}

// A namespace whose releases have waited for a second makes the list incomplete when they wait again
// some minutes later: it has used a second of the five minutes of this hour.
func TestSharesWaitAgainInTheSameHour(t *testing.T) {
	now := time.Now()
	s := newShares()
	s.clock = func() time.Time { return now }
	s.begin(map[string]int{"apps": 10})
	s.spend("apps", 4<<20)
	if s.spend("apps", 1<<20) {
		t.Fatal("the share suffices")
	}
	if !s.isIncomplete() {
		t.Fatal("the list is complete while a release waits")
	}
	now = now.Add(4 * time.Second) // it is read, and nothing waits any more
	s.begin(map[string]int{"apps": 10})
	if !s.spend("apps", 1<<20) {
		t.Fatal("it still waits")
	}
	if s.isIncomplete() || s.passIn() != never {
		t.Fatal("it still waits")
	}
	now = now.Add(10 * time.Minute) // a release is suspended
	s.begin(map[string]int{"apps": 10})
	s.spend("apps", 4<<20)
	if s.spend("apps", budget.FreeBytes) {
		t.Fatal("the share suffices")
	}
	if !s.isIncomplete() {
		t.Error("the list is complete, without what a release needs that was suspended")
	}
}
