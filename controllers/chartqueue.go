package controllers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
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
	c.mu.Lock()
	if len(c.due[namespace]) == 0 {
		c.mu.Unlock()
		return
	}
	due := c.due[namespace][0]
	c.due[namespace] = c.due[namespace][1:]
	c.mu.Unlock()
	began := time.Now()
	result := c.render(ctx, due)
	if ctx.Err() == nil {
		c.take(due, result, time.Since(began))
	}
	if len(c.next()) == 0 {
		c.fetcher.Drop()
	}
	c.passes.ask()
}

// take takes what was found in the chart of a release.
func (c *chartImages) take(due *dueChart, result *renderedChart, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.served[due.id.Namespace] = now
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
	c.limit(due.id, result, took)
	if result.images != nil && result.images.Rendered {
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
}

// limit sees to it that a chart takes no more room than its namespace has, and that one that could not
// be rendered is tried again, and costs the others as little as one that is rendered quickly; the lock
// is held.
func (c *chartImages) limit(id object.ID, result *renderedChart, took time.Duration) {
	switch {
	case result.images == nil:
		return
	case result.images.Rendered && c.hasRoom(id, result.images):
		return
	case result.images.Rendered:
		result.images = notRendered(budget.Exceeded(budget.ChartMentions, "images in the charts of its namespace"))
	case took > slowRender:
		c.pauses[id.Namespace] = time.Now().Add(min(maxPause, took*pauseFactor))
	}
	result.retryIn = renderRetry
}

// hasRoom reports whether images may be kept for a release besides those of the others of its
// namespace; the lock is held.
func (c *chartImages) hasRoom(id object.ID, images *pin.ChartImages) bool {
	count := len(images.Mentions)
	for other, k := range c.known.All() {
		if other.Namespace == id.Namespace && other != id && k.rendered != nil {
			count += len(k.rendered.Mentions)
		}
	}
	return count <= budget.ChartMentions
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
	// renderRetry is when a chart that could not be rendered is tried again for the first time.
	renderRetry = 10 * time.Minute

	// slowRender is how long a chart that cannot be rendered may take, and pauseFactor how many times
	// as long its namespace waits otherwise.
	slowRender  = time.Second
	pauseFactor = 10
)
