package informers

import (
	"testing"
	"time"
)

// clock is what a test of evidence calls now.
type clock struct{ now time.Time }

func (c *clock) pass(d time.Duration) time.Time {
	c.now = c.now.Add(d)
	return c.now
}

// testEvidence is the evidence of a watch that has just begun at resource version 100.
func testEvidence() (*evidence, *clock) {
	e, c := &evidence{tolerance: time.Minute}, &clock{now: time.Now()}
	e.readAll(c.now, c.now, "100")
	return e, c
}

func (e *evidence) expect(t *testing.T, now time.Time, want step, outdated bool) {
	t.Helper()
	if got, _ := e.next(now); got != want || e.isOutdated(now) != outdated {
		t.Errorf("next is %d, outdated %t, want %d, %t", got, e.isOutdated(now), want, outdated)
	}
}

// Bookmarks with newer resource versions keep a watch current for ever, without a request.
func TestEvidenceOfNewerBookmarks(t *testing.T) {
	e, c := testEvidence()
	for _, version := range []string{"101", "999", "1000", "1001"} { // not compared as text
		e.expect(t, c.pass(59*time.Second), nothing, false)
		e.read(c.now, version)
	}
}

// A watch that is silent is asked about once, counts as out of date, and is opened again.
func TestEvidenceOfSilence(t *testing.T) {
	e, c := testEvidence()
	e.expect(t, c.pass(59*time.Second), nothing, false)
	e.expect(t, c.pass(time.Second), request, false)
	e.listed(c.pass(time.Second), "200")
	e.expect(t, c.pass(58*time.Second), nothing, false)
	e.expect(t, c.pass(time.Second), report, true)
	e.expect(t, c.pass(OutageTolerance), reopen, true)
	e.readAll(c.now, c.now, "201")
	e.expect(t, c.now, nothing, false)
	e.expect(t, c.pass(time.Minute), request, false)
}

// Bookmarks that repeat a resource version are no evidence: a watch cache that has stopped sends
// them, too. That it does not follow a list shows that it has.
func TestEvidenceOfRepeatedBookmarks(t *testing.T) {
	e, c := testEvidence()
	e.read(c.pass(time.Minute), "100")
	e.expect(t, c.now, request, false)
	e.listed(c.now, "200")
	e.read(c.pass(time.Second), "100")
	if e.isBehind(c.now, "100") {
		t.Error("a bookmark that was on the way counts as behind")
	}
	if c.pass(OutageTolerance); !e.isBehind(c.now, "100") || !e.isBehind(c.now, "199") || e.isBehind(c.now, "200") {
		t.Error("behind are not the bookmarks before 200")
	}
	e.read(c.now, "199") // newer than before, and not new enough
	e.expect(t, c.pass(54*time.Second), report, true)
	e.read(c.now, "200")
	e.expect(t, c.now, nothing, false)
}

// Where nothing was written since, a list is evidence by itself, as of its request.
func TestEvidenceOfAList(t *testing.T) {
	e, c := testEvidence()
	e.expect(t, c.pass(time.Minute), request, false)
	e.listed(c.pass(10*time.Second), "100")
	e.expect(t, c.pass(49*time.Second), nothing, false)
	e.expect(t, c.pass(time.Second), request, false)
}

// A list of an older resource version than was read shows that the API server has gone back: that is no
// evidence that the watch sends all changes.
func TestEvidenceOfAnOlderList(t *testing.T) {
	e, c := testEvidence()
	e.expect(t, c.pass(time.Minute), request, false)
	e.listed(c.pass(time.Second), "99")
	e.expect(t, c.pass(59*time.Second), report, true)
	e.expect(t, c.pass(OutageTolerance), reopen, true)
}

// An answer that comes after an event asks for nothing more.
func TestEvidenceAnswerIsLate(t *testing.T) {
	e, c := testEvidence()
	e.expect(t, c.pass(time.Minute), request, false)
	e.read(c.pass(time.Second), "150")
	e.listed(c.pass(time.Second), "200")
	e.read(c.pass(time.Second), "151")
	if e.wanted != "" || !e.shown.Equal(c.now) {
		t.Errorf("got %+v", e)
	}
}

// What was read in more time than is tolerated is not read again for that.
func TestEvidenceOfALongRead(t *testing.T) {
	e, c := testEvidence()
	requested := c.now
	e.readAll(c.pass(10*time.Minute), requested, "300")
	e.expect(t, c.now, request, true)
	e.expect(t, c.pass(time.Minute), report, true)
	e.read(c.now, "301")
	e.expect(t, c.now, nothing, false)
}
