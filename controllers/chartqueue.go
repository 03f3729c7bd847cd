package controllers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// next returns the namespaces that have charts to be rendered: first the one whose turn was the earliest.
func (c *chartImages) next() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	namespaces := c.waiting()
	slices.SortFunc(namespaces, func(a, b string) int { return cmp.Or(c.turns[a].Compare(c.turns[b]), cmp.Compare(a, b)) })
	return namespaces
}

// waiting returns the namespaces that have charts to be rendered now; the lock is held.
func (c *chartImages) waiting() []string {
	var namespaces []string
	for namespace, due := range c.due {
		if len(due) > 0 && !c.isPaused(namespace) {
			namespaces = append(namespaces, namespace)
		}
	}
	return namespaces
}

// isPaused reports whether no chart of a namespace is rendered now; the lock is held.
func (c *chartImages) isPaused(namespace string) bool { return time.Now().Before(c.pauses[namespace]) }

// maxPause is how long a namespace may have to wait whose charts have taken long.
const maxPause = 10 * time.Minute

// read reads the first release that is due in a namespace, and has its chart rendered while the next one is
// read. One is rendered at a time, so two requests at most are in memory.
func (c *chartImages) read(ctx context.Context, namespace string) {
	if due := c.pop(namespace); due != nil {
		began := time.Now()
		result := c.prepare(ctx, due)
		took := time.Since(began)
		c.rendering.Wait()
		if c.serve(due, result, took) {
			c.rendering.Go(func() { c.finish(ctx, due, result) })
		}
	}
	if len(c.next()) == 0 {
		c.fetcher.Drop()
		c.rendering.Wait()
	}
}

// serve charges a namespace for what preparing a chart took, and reports whether it is still its turn: while
// the one before was rendered, the namespace may have been paused, or another one whose turn was well before
// has got a chart to be rendered. Then the chart waits again, as the first one of its namespace.
func (c *chartImages) serve(due *dueChart, result *renderedChart, took time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	namespace := due.id.Namespace
	turn := c.turns[namespace]
	isBefore := func(other string) bool { return turn.Sub(c.turns[other]) > slowRender*costFactor }
	c.charge(namespace, took)
	if result.request != nil && (c.isPaused(namespace) || slices.ContainsFunc(c.waiting(), isBefore)) {
		c.due[namespace] = slices.Insert(c.due[namespace], 0, due)
		c.leaveWork(due)
		return false
	}
	return true
}

// charge puts the next turn of a namespace off by a multiple of the time that its charts took, downloads
// included: those that always have charts share the time evenly, and the others come before them; the lock is
// held.
func (c *chartImages) charge(namespace string, took time.Duration) {
	turn := time.Now()
	if c.turns[namespace].After(turn) {
		turn = c.turns[namespace]
	}
	c.turns[namespace] = turn.Add(took * costFactor)
}

// finish renders a chart, if its request could be made, and takes the result.
func (c *chartImages) finish(ctx context.Context, due *dueChart, result *renderedChart) {
	began := time.Now()
	if result.request != nil {
		c.render(ctx, result)
	}
	took := time.Since(began)
	if ctx.Err() == nil {
		c.take(due, result, took)
	}
	c.mu.Lock()
	c.charge(due.id.Namespace, took)
	c.leaveWork(due)
	c.mu.Unlock()
	c.passes.askLater()
}

// leaveWork notes that a chart is not worked on any more; the lock is held.
func (c *chartImages) leaveWork(due *dueChart) {
	c.inWork = slices.DeleteFunc(c.inWork, func(id object.ID) bool { return id == due.id })
}

// pop removes and returns the first chart that is due in a namespace, to be worked on; nil, there is none.
func (c *chartImages) pop(namespace string) *dueChart {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.due[namespace]) > 0 {
		due := c.due[namespace][0]
		c.due[namespace] = c.due[namespace][1:]
		if !c.isDone(due) {
			c.inWork = append(c.inWork, due.id)
			return due
		}
	}
	return nil
}

// isDone reports whether a chart was rendered, or tried, while the pass was made that found it to be due,
// or is worked on: the next pass finds out whether it is to be rendered again. The lock is held.
func (c *chartImages) isDone(due *dueChart) bool {
	switch k := c.known.Peek(due.id); {
	case k == nil:
		return true // nobody wants to know any more
	case slices.Contains(c.inWork, due.id):
		return true
	case due.inputs == (chartInputs{}): // what it asks for is to be read
		return k.asked.spec != nil
	default:
		return due.inputs == k.try.inputs && (k.try.failures == 0 || k.try.isPaused(&due.inputs))
	}
}

// take takes what was found in the chart of a release.
func (c *chartImages) take(due *dueChart, result *renderedChart, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known.Peek(due.id)
	if k == nil {
		return // nobody wants to know any more
	}
	if result.spec != nil {
		k.asked.observe(result.spec, result.inputs.revision)
	}
	if result.images == nil && result.notRead == "" && result.retryIn == 0 {
		return // only what it asks for was read
	}
	c.limit(k, due.id.Namespace, result, took)
	if result.images != nil && result.images.Rendered {
		c.mentions[due.id.Namespace] += len(result.images.Mentions) - k.found.kept()
	}
	k.found.take(result.images)
	if delay := k.try.end(result); delay > 0 {
		time.AfterFunc(delay, c.passes.ask)
	}
}

// limit sees to it that a chart takes no more room than its namespace has, and that one that could not
// be rendered is tried again, and costs the others as little as one that is rendered quickly; the lock
// is held.
func (c *chartImages) limit(k *knownChart, namespace string, result *renderedChart, took time.Duration) {
	switch {
	case result.images == nil:
		return
	case result.images.Rendered && c.mentions[namespace]-k.found.kept()+len(result.images.Mentions) <= budget.ChartMentions:
		return
	case result.images.Rendered:
		result.images = notRendered(budget.Exceeded(budget.ChartMentions, "images in the charts of its namespace"))
	case took > slowRender:
		pause := min(maxPause, took*costFactor)
		c.pauses[namespace] = time.Now().Add(pause)
		time.AfterFunc(pause, c.passes.ask)
	}
	result.retryIn = renderRetry
}

const (
	// slowRender is how long a chart that cannot be rendered may take, and costFactor how many times
	// as long its namespace waits otherwise, and for its next turn.
	slowRender = time.Second
	costFactor = 10
)
