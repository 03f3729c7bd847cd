package controllers

import (
	"math"
	"time"
)

// requeueDelay is when a pass is made again that could not be finished: the caches are still
// being read, or somebody else wrote the list.
const requeueDelay = time.Second

// readRetry is when a pass is made again in which a read has failed, or for which something is still being read.
const readRetry = 10 * time.Second

// eventsInterval is when a pass is made that sends more events, where there are too many for one, at the latest.
const eventsInterval = 10 * time.Second

// never is longer than anything is waited for.
const never = time.Duration(math.MaxInt64)

// startupTimeout is how long a start waits for a complete snapshot before it writes an
// incomplete list, which has new pins but removes none. Reading all objects of a large cluster
// takes a few seconds.
const startupTimeout = 30 * time.Second

// stopTimeout limits how long a write that was begun, and that of the last report, may hold up
// the end.
const stopTimeout = 10 * time.Second

// passTimeout limits how long a pass takes, so that one whose requests are not answered fails and
// is made again. Reading all objects of a large cluster takes a small part of it.
const passTimeout = 2 * time.Minute

// passLimit returns how long it may take from the end of one pass to that of the next: a pass
// begins every heartbeat or, after one that failed, within maxRetryDelay; it takes up to the
// timeout, and the write that it has begun up to stopTimeout more. The timeout is there twice:
// once as a margin.
func passLimit(heartbeat, timeout time.Duration) time.Duration {
	return heartbeat + 2*timeout + stopTimeout
}

// A pass that failed is made again after minRetryDelay, then after twice the time before, up to
// maxRetryDelay: what a user would wait for after the API server is back.
const (
	minRetryDelay = 200 * time.Millisecond
	maxRetryDelay = 5 * time.Second
)

// minWriteInterval is how often the list is written at most, on average over two writes.
// What changes in between is written together: a write of a large list takes the API server,
// etcd and every reader a good part of this time. It is short beside what it takes a cleaner to
// read the list.
const minWriteInterval = 750 * time.Millisecond

// maxReportDelay is how long after a list the report on it is written at the latest, so that
// a burst of changes does not rewrite a large report each time.
const maxReportDelay = 3 * time.Second

// reportDelay returns how long after a list the report is written. It is short beside the
// grace: instances without leader election learn from the report what the others know.
func reportDelay(grace time.Duration) time.Duration {
	return min(maxReportDelay, grace/4)
}
