package controllers

import (
	"context"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// A namespace whose chart was not rendered to its end, for whatever reason, comes after the others that
// wait: its next chart is not the first one again.
func TestChartsTakeTurns(t *testing.T) {
	c := &chartImages{
		live: &emptyReader{}, fetcher: charts.NewFetcher(), shares: newShares(), passes: newRequests(),
		served: map[string]time.Time{}, pauses: map[string]time.Time{},
	}
	due := map[string][]*dueChart{}
	for _, namespace := range []string{"a", "b"} {
		id := object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: namespace, Name: "web"}}
		c.known.Put(id, &knownChart{})
		due[namespace] = []*dueChart{{id: id}, {id: id}}
	}
	c.due = due
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, want := range []string{"a", "b", "a", "b"} {
		next := c.next()
		if len(next) == 0 || next[0] != want {
			t.Fatalf("next are %q, want %s", next, want)
		}
		c.read(interrupted, next[0])
	}
}
