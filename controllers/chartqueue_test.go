package controllers

import (
	"context"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
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

// A chart that waits for long to be rendered is a problem of its release, whether it was rendered before or
// not, until it is.
func TestOverdueChart(t *testing.T) {
	for name, found := range map[string]*pin.ChartImages{"never rendered": nil, "rendered before": {Rendered: true}} {
		t.Run(name, func(t *testing.T) {
			k := &knownChart{found: found}
			problems := func(isStale bool) int {
				if images := k.with(k.overdue(isStale)); images != nil {
					return len(images.Problems)
				}
				return 0
			}
			for range 2 {
				if problems(true) != 0 {
					t.Error("it has a problem at once")
				}
			}
			k.staleSince = k.staleSince.Add(-chartPatience)
			if problems(true) != 1 || k.attached.Problems[0].Reason != v1alpha1.ReasonChartNotRead {
				t.Errorf("it has %+v", k.attached)
			}
			if problems(false) != 0 || problems(true) != 0 {
				t.Error("it has a problem once it is rendered")
			}
		})
	}
}

// A chart that cannot be fetched is given up when it was tried three times; at once, where trying again
// cannot help, or costs the others too much.
func TestChartIsGivenUp(t *testing.T) {
	due := &dueChart{id: object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "a", Name: "web"}}}
	for name, test := range map[string]struct {
		retryIn, took time.Duration
		tries         int
	}{
		"away":      {readRetry, 0, 3},
		"slow":      {readRetry, 2 * slowRender, 1},
		"too large": {0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, k := &chartImages{passes: newRequests(), mentions: map[string]int{}}, &knownChart{}
			c.known.Put(due.id, k)
			for try := 1; try <= test.tries; try++ {
				c.take(due, &renderedChart{notRead: "connection refused", retryIn: test.retryIn}, test.took)
				if k.isGivenUp != (try == test.tries) {
					t.Errorf("try %d: given up: %t", try, k.isGivenUp)
				}
			}
			c.take(due, &renderedChart{images: &pin.ChartImages{Rendered: true}}, 0)
			if k.isGivenUp {
				t.Error("it is given up once it is rendered")
			}
		})
	}
}
