package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// A namespace whose chart was not rendered to its end, for whatever reason, comes after the others that
// wait: its next chart is not the first one again.
func TestChartsTakeTurns(t *testing.T) {
	c := &chartImages{
		live: &emptyReader{}, fetcher: charts.NewFetcher(), shares: newShares(), passes: newRequests(),
		turns: map[string]time.Time{}, pauses: map[string]time.Time{},
	}
	due := map[string][]*dueChart{}
	for _, namespace := range []string{"a", "b"} {
		id := object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: namespace, Name: "web"}}
		c.known.Put(id, knownChart{})
		due[namespace] = []*dueChart{{id: id}, {id: id}}
	}
	c.due = due
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, want := range []string{"a", "b"} {
		next := c.next()
		if len(next) == 0 || next[0] != want {
			t.Fatalf("next are %q, want %s", next, want)
		}
		c.read(interrupted, next[0])
	}
}

// A release that cannot be read is read again some time later, and not at once. As long as nothing is known
// of its chart, the list is incomplete, however often it was tried.
func TestChartOfAnUnreadableRelease(t *testing.T) {
	release := pin.Release{ID: object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "a", Name: "web"}}, Revision: "1"}
	c := &chartImages{
		live: &emptyReader{err: errors.New("timeout")}, passes: newRequests(), cluster: &clusterVersions{}, shares: newShares(), mentions: map[string]int{},
	}
	for try := range fetchRetries + 2 {
		s := &pin.Snapshot{}
		c.found = map[string][]*dueChart{}
		c.attach(s, &keptRelease{}, &release, nil, true)
		if s.Complete() != (try == 0) || !release.ChartPending {
			t.Errorf("try %d: failed reads are %+v, pending: %t", try, s.FailedReads, release.ChartPending)
		}
		due := c.found["a"][0]
		c.take(due, c.prepare(t.Context(), due), 0)
		k := c.known.Peek(release.ID)
		if !k.try.isPaused(&due.inputs) || k.try.notRead != "the release could not be read: timeout" {
			t.Errorf("got %+v", k.try)
		}
		k.try.retry = time.Time{}
	}
}

// A chart of which no rendering is known, neither its own nor one of the last report, is unread, unless nothing
// can be read that it comes from.
func TestUnreadChart(t *testing.T) {
	read, failed := renderedImage("v1"), &pin.ChartImages{}
	for name, test := range map[string]struct {
		found foundImages
		state sourcesState
		want  bool
	}{
		"never tried":      {foundImages{}, sourcesRead, true},
		"failed":           {foundImages{latest: failed}, sourcesRead, true},
		"rendered":         {foundImages{latest: read, rendered: read}, sourcesRead, false},
		"failed since":     {foundImages{latest: failed, rendered: read}, sourcesRead, false},
		"may not be read":  {foundImages{}, sourcesNotRead, false},
		"not read yet":     {foundImages{}, sourcesSyncing, true},
		"read, and is not": {foundImages{latest: read, rendered: read}, sourcesNotRead, false},
	} {
		release := sleeping("a", "web", "")
		c := &chartImages{cluster: &clusterVersions{}, shares: newShares(), found: map[string][]*dueChart{}}
		c.known.Put(release.ID, knownChart{found: test.found, asked: askedChart{resolved: resolvedChart{state: test.state}}})
		if c.attach(&pin.Snapshot{}, &keptRelease{}, &release, nil, false); release.ChartUnread != test.want {
			t.Errorf("%s: unread is %t", name, release.ChartUnread)
		}
		if release.ChartRefUnknown != (test.state == sourcesNotRead) {
			t.Errorf("%s: whether it is known where its chart is pinned: %t", name, !release.ChartRefUnknown)
		}
	}
}

// Once a chart was rendered anew, the inputs of what the last report had count no more.
func TestDigestOfTheLastReport(t *testing.T) {
	c, k := &chartImages{}, &knownChart{}
	one := chartInputs{revision: "1"}
	k.found = foundImages{latest: renderedImage("v1"), rendered: renderedImage("v1"), digest: c.digestOf(&one)}
	k.found.take(renderedImage("v2"))
	if c.isKnown(k, one) {
		t.Error("the images of other inputs are taken for theirs")
	}
}

// A chart that waits for long to be rendered is a problem of its release, whether it was rendered before or
// not, until it is.
func TestOverdueChart(t *testing.T) {
	for name, found := range map[string]*pin.ChartImages{"never rendered": nil, "rendered before": {Rendered: true}} {
		t.Run(name, func(t *testing.T) {
			k := &knownChart{found: foundImages{latest: found}}
			problems := func(isStale bool) int {
				if images := k.found.with(k.try.overdue(isStale)); images != nil {
					return len(images.Problems)
				}
				return 0
			}
			for range 2 {
				if problems(true) != 0 {
					t.Error("it has a problem at once")
				}
			}
			k.try.staleSince = k.try.staleSince.Add(-chartPatience)
			if problems(true) != 1 || k.found.attached.Problems[0].Reason != v1alpha1.ReasonChartNotRead {
				t.Errorf("it has %+v", k.found.attached)
			}
			if problems(false) != 0 || problems(true) != 0 {
				t.Error("it has a problem once it is rendered")
			}
		})
	}
}

// A chart that cannot be fetched is given up when it was tried three times; at once, where
// trying again cannot help.
func TestChartIsGivenUp(t *testing.T) {
	due := &dueChart{id: object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "a", Name: "web"}}}
	for name, test := range map[string]struct {
		retryIn time.Duration
		tries   int
	}{
		"away":      {readRetry, 3},
		"too large": {0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := &chartImages{passes: newRequests(), mentions: map[string]int{}}
			k := c.known.Put(due.id, knownChart{})
			for try := 1; try <= test.tries; try++ {
				c.take(due, &renderedChart{notRead: "connection refused", retryIn: test.retryIn}, 0)
				if k.try.isGivenUp(&chartInputs{}) != (try == test.tries) {
					t.Errorf("try %d: given up: %t", try, k.try.isGivenUp(&chartInputs{}))
				}
				if k.try.isGivenUp(&chartInputs{revision: "2"}) {
					t.Error("it is given up though it has changed")
				}
			}
			c.take(due, &renderedChart{images: &pin.ChartImages{Rendered: true}}, 0)
			if k.try.isGivenUp(&chartInputs{}) {
				t.Error("it is given up once it is rendered")
			}
		})
	}
}

// What was rendered or tried while the pass was made that found it to be due is not rendered again.
func TestRenderedMeanwhile(t *testing.T) {
	id := object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "a", Name: "web"}}
	one, two := chartInputs{revision: "1"}, chartInputs{revision: "2"}
	for name, test := range map[string]struct {
		known *knownChart
		due   chartInputs
		isDue bool
	}{
		"rendered":                   {&knownChart{try: chartTry{inputs: one}}, one, false},
		"rendered as it was before":  {&knownChart{try: chartTry{inputs: one}}, two, true},
		"it has failed":              {&knownChart{try: chartTry{inputs: one, failures: 1, retry: time.Now().Add(time.Hour)}}, one, false},
		"it is to be tried again":    {&knownChart{try: chartTry{inputs: one, failures: 1}}, one, true},
		"the release was read":       {&knownChart{asked: askedChart{spec: &convert.ChartSpec{}}}, chartInputs{}, false},
		"the release is to be read":  {&knownChart{}, chartInputs{}, true},
		"the release does not exist": {nil, one, false},
	} {
		c := &chartImages{turns: map[string]time.Time{}, due: map[string][]*dueChart{"a": {{id, test.due}}}}
		if test.known != nil {
			c.known.Put(id, *test.known)
		}
		if due := c.pop("a"); (due != nil) != test.isDue || len(c.due["a"]) > 0 {
			t.Errorf("%s: got %v, want one: %t", name, due, test.isDue)
		}
	}
}

// A chart that has changed is stale until it is rendered, also while it cannot be fetched; not, if it was
// rendered, or cannot be.
func TestStaleChart(t *testing.T) {
	one, two := chartInputs{revision: "1"}, chartInputs{revision: "2"}
	found := &pin.ChartImages{Rendered: true}
	for name, test := range map[string]struct {
		known *knownChart
		state chartState
		want  bool
	}{
		"rendered":               {&knownChart{found: foundImages{latest: found}, try: chartTry{inputs: one}}, chartWanted, false},
		"changed":                {&knownChart{found: foundImages{latest: found}, try: chartTry{inputs: two}}, chartWanted, true},
		"changed, and away":      {&knownChart{found: foundImages{latest: found}, try: chartTry{inputs: one, notRead: "away", failures: 1, retry: time.Now().Add(time.Hour)}}, chartWanted, true},
		"changed, and failing":   {&knownChart{found: foundImages{latest: found}, try: chartTry{inputs: one, failures: 1, retry: time.Now().Add(time.Hour)}}, chartWanted, false},
		"changed, and too large": {&knownChart{found: foundImages{latest: found}, try: chartTry{inputs: one, notRead: "more than 10485760 bytes"}}, chartWanted, false},
		"not known which":        {&knownChart{found: foundImages{latest: found}, try: chartTry{inputs: one}}, chartUnknown, true},
		"none":                   {&knownChart{}, chartMissing, false},
	} {
		c, r := &chartImages{found: map[string][]*dueChart{}}, &pin.Release{}
		if c.schedule(test.known, r, one, test.state); r.ChartStale != test.want {
			t.Errorf("%s: stale: %t", name, r.ChartStale)
		}
	}
}

// renderedImage is a chart that names a tag.
func renderedImage(tag string) *pin.ChartImages {
	return &pin.ChartImages{Rendered: true, Mentions: []image.Mention{{Path: "chart Pod/a", Reference: image.Reference{Tag: tag}}}}
}

// What a namespace has room for is known while the last chart of it is rendered, too.
func TestRoomWhileInWork(t *testing.T) {
	id := func(name string) object.ID {
		return object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "a", Name: name}}
	}
	rendered := func(mentions int) *pin.ChartImages {
		return &pin.ChartImages{Rendered: true, Mentions: make([]image.Mention, mentions)}
	}
	c, full := &chartImages{passes: newRequests()}, rendered(budget.ChartMentions)
	c.known.Put(id("x"), knownChart{})
	c.known.Put(id("y"), knownChart{found: foundImages{latest: full, rendered: full}})
	c.found = map[string][]*dueChart{"a": {{id: id("x"), inputs: chartInputs{revision: "1"}}}}
	c.end()
	due := c.pop("a")
	c.known.Get(id("x")) // y is gone in the next pass, which finds nothing due
	c.found = map[string][]*dueChart{}
	c.end()
	c.take(due, &renderedChart{inputs: due.inputs, images: rendered(1)}, 0)
	if x := c.known.Peek(id("x")); !x.found.latest.Rendered {
		t.Errorf("got %+v", x.found.latest.Problems)
	}
}
