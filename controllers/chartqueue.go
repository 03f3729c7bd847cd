package controllers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// next returns the namespaces that have charts to be rendered: first the one that waits the longest.
func (c *chartImages) next() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var namespaces []string
	for namespace, due := range c.due {
		if len(due) > 0 && !time.Now().Before(c.pauses[namespace]) {
			namespaces = append(namespaces, namespace)
		}
	}
	slices.SortFunc(namespaces, func(a, b string) int { return cmp.Or(c.served[a].Compare(c.served[b]), cmp.Compare(a, b)) })
	return namespaces
}

// maxPause is how long a namespace may have to wait whose charts have taken long.
const maxPause = 10 * time.Minute

// read renders the first chart that is due in a namespace.
func (c *chartImages) read(ctx context.Context, namespace string) {
	if due := c.pop(namespace); due != nil {
		began := time.Now()
		result := c.render(ctx, due)
		if ctx.Err() == nil {
			c.take(due, result, time.Since(began))
		}
		c.passes.ask()
	}
	if len(c.next()) == 0 {
		c.fetcher.Drop()
	}
}

// pop removes and returns the first chart that is due in a namespace; nil, there is none.
func (c *chartImages) pop(namespace string) *dueChart {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.served[namespace] = time.Now() // whatever becomes of it, the others come first now
	for len(c.due[namespace]) > 0 {
		due := c.due[namespace][0]
		c.due[namespace] = c.due[namespace][1:]
		if !c.isDone(due) {
			return due
		}
	}
	return nil
}

// isDone reports whether a chart was rendered, or tried, while the pass was made that found it to be due;
// the lock is held.
func (c *chartImages) isDone(due *dueChart) bool {
	switch k, ok := c.known.Peek(due.id); {
	case !ok:
		return true // nobody wants to know any more
	case due.inputs == (chartInputs{}): // what it asks for is to be read
		return k.spec != nil
	default:
		return due.inputs == k.inputs && (k.failures == 0 || time.Now().Before(k.retry))
	}
}

// take takes what was found in the chart of a release.
func (c *chartImages) take(due *dueChart, result *renderedChart, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	k, ok := c.known.Peek(due.id)
	if !ok {
		return // nobody wants to know any more
	}
	k.attached = nil
	if result.spec != nil {
		k.spec, k.revision = result.spec, result.inputs.revision
	}
	if result.images == nil && result.notRead == "" && result.retryIn == 0 {
		return // only what it asks for was read
	}
	c.limit(k, due.id.Namespace, result, took)
	if result.images != nil && result.images.Rendered {
		c.mentions[due.id.Namespace] += len(result.images.Mentions) - k.kept()
		k.rendered = result.images
	}
	if result.inputs != k.inputs {
		k.failures = 0
	}
	k.inputs, k.notRead, k.retry = result.inputs, result.notRead, time.Time{}
	if result.images != nil {
		k.found = result.images.After(k.rendered)
	}
	if result.retryIn == 0 {
		k.failures = 0
	} else {
		k.failures++
		delay := min(maxRetry(result), result.retryIn<<min(k.failures-1, 10))
		k.retry = now.Add(delay)
		time.AfterFunc(delay, c.passes.ask)
	}
	k.isGivenUp = k.notRead != "" && (k.failures == 0 || k.failures > fetchRetries)
}

// limit sees to it that a chart takes no more room than its namespace has, and that one that could not
// be rendered is tried again, and costs the others as little as one that is rendered quickly; the lock
// is held.
func (c *chartImages) limit(k *knownChart, namespace string, result *renderedChart, took time.Duration) {
	switch {
	case result.images == nil:
		return
	case result.images.Rendered && c.mentions[namespace]-k.kept()+len(result.images.Mentions) <= budget.ChartMentions:
		return
	case result.images.Rendered:
		result.images = notRendered(budget.Exceeded(budget.ChartMentions, "images in the charts of its namespace"))
	case took > slowRender:
		c.pauses[namespace] = time.Now().Add(min(maxPause, took*pauseFactor))
	}
	result.retryIn = renderRetry
}

// kept is how many images are kept of a chart.
func (k *knownChart) kept() int {
	if k.rendered == nil {
		return 0
	}
	return len(k.rendered.Mentions)
}

// maxRetry returns how long after a failure a chart is tried again at the latest. One that could not be
// rendered mostly cannot be rendered ever, unless the process was ended for the memory of others.
func maxRetry(result *renderedChart) time.Duration {
	if result.images != nil {
		return time.Hour
	}
	return time.Minute
}

const (
	// fetchRetries is how often a chart that was never rendered and could not be fetched is tried again
	// before the list is complete without it: after 10 and 20 more seconds.
	fetchRetries = 2

	// renderRetry is when a chart that could not be rendered is tried again for the first time.
	renderRetry = 10 * time.Minute

	// slowRender is how long a chart that cannot be rendered may take, and pauseFactor how many times
	// as long its namespace waits otherwise.
	slowRender  = time.Second
	pauseFactor = 10
)
