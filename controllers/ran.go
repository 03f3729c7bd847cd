package controllers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// rereadAfter are how long after the workloads of a suspended release were read they are read again, the last one
// again and again: helm-controller finishes an upgrade that it has begun, which it applies after the hooks, within
// 5 minutes by default, and people change by hand what is suspended.
func rereadAfter() []time.Duration {
	return []time.Duration{time.Minute, 10 * time.Minute, 30 * time.Minute}
}

// unreadRetry is how often it is tried to read workloads of which some may not be read, or are too many, and slowRetry
// how often those that take too long.
const unreadRetry, slowRetry = 5 * time.Minute, time.Minute

// ranImages knows what the workloads of suspended releases name. They are read beside the passes,
// when a release was suspended or its spec has changed since, and again some time later.
type ranImages struct {
	live client.Reader
	// exists reports whether there is a HelmRelease.
	exists func(object.Name) bool
	// shares limit for how long workloads that take too long to be read make the list incomplete.
	shares *shares

	mu    sync.Mutex
	known sweep.Map[object.ID, ranKnown]
	// due are the releases whose workloads are to be read, by namespace.
	due map[string][]*pin.Release
	// attempts are when those of each namespace were read last, and failures why that has failed.
	attempts map[string]time.Time
	failures map[string]string
	// readFor is when something was read last for each, and later by a multiple of what that took.
	readFor map[readTurn]time.Time
}

// readTurn is for whom workloads are read: the releases of a namespace that were not read since they have changed, or
// those that are read again.
type readTurn struct {
	namespace string
	isAgain   bool
}

// ranKnown is what the workloads of a release of a revision name, in its target namespace.
type ranKnown struct {
	revision  string
	namespace string
	images    *pin.WorkloadImages
	// at is when they were read last, and rereads how often after the first time.
	at      time.Time
	rereads int
	unread  unreadWorkloads
}

// isDue reports whether the workloads are to be read again at this moment.
func (k *ranKnown) isDue(now time.Time) bool {
	delays := rereadAfter()
	delay := delays[min(k.rereads, len(delays)-1)]
	switch {
	case k.unread.isSlow:
		delay = slowRetry
	case k.unread != (unreadWorkloads{}):
		delay = unreadRetry
	}
	return now.Sub(k.at) >= delay
}

// after returns what is known now that the workloads were read again. What takes too long counts besides what was
// read before; and an equal pointer means equal images.
func (k *ranKnown) after(read ranKnown) ranKnown {
	isOther := k.images == nil || k.namespace != read.namespace
	if !isOther && read.unread.isSlow {
		both := *k.images
		both.Images = union(k.images.Images, read.images.Images)
		read.images = &both
	}
	if !isOther && slices.Equal(k.images.Images, read.images.Images) {
		read.images = k.images
	}
	read.unread.isSlow = read.unread.isSlow && (isOther || k.unread.isSlow || k.revision != read.revision)
	if k.revision == read.revision {
		if read.rereads = k.rereads; k.isDue(read.at) {
			read.rereads++
		}
	}
	return read
}

// attach adds to the suspended releases of a snapshot what their workloads name.
func (w *ranImages) attach(s *pin.Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.attempts == nil {
		w.attempts, w.failures, w.readFor = map[string]time.Time{}, map[string]string{}, map[readTurn]time.Time{}
	}
	w.due = map[string][]*pin.Release{}
	forbidden, now := "", time.Now()
	for i := range s.Releases {
		r := &s.Releases[i]
		if !r.Suspended || r.RemoteCluster {
			continue
		}
		known := w.known.Get(r.ID)
		if r.WorkloadsUnread = known == nil || known.revision != r.Revision; r.WorkloadsUnread || known.isDue(now) {
			w.due[r.TargetNamespace] = append(w.due[r.TargetNamespace], r)
		}
		if known == nil {
			continue
		}
		r.Workloads, r.RanUnknown, forbidden = known.images, known.unread.tooMuch, cmp.Or(forbidden, known.unread.forbidden)
		if known.unread.isSlow {
			r.WorkloadsUnread = true
			w.shares.wait(r.Namespace)
		}
	}
	w.known.Sweep()
	isOver := func(namespace string) bool { return w.due[namespace] == nil }
	maps.DeleteFunc(w.readFor, func(_ readTurn, at time.Time) bool { return time.Since(at) > passTimeout })
	maps.DeleteFunc(w.failures, func(namespace, _ string) bool { return isOver(namespace) })
	maps.DeleteFunc(w.attempts, func(namespace string, _ time.Time) bool { return isOver(namespace) })
	for _, namespace := range slices.Sorted(maps.Keys(w.failures)) {
		addFailedRead(s, "Workloads in "+namespace, w.failures[namespace])
	}
	if forbidden != "" {
		s.Notes = append(s.Notes, v1alpha1.Problem{
			Reason: v1alpha1.ReasonWorkloadsNotRead,
			Message: "what releases ran is not known in full, and a pod may count for another release: " +
				"the component read-workloads of pinsync's configuration is missing or an earlier one: " + forbidden,
		})
	}
}

// next returns the namespaces whose workloads are to be read: first one for whom the last read is the longest ago,
// because a tenant may name as many as he likes, and of those the one that was read the longest ago.
func (w *ranImages) next() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	turns := map[string]readTurn{}
	for namespace, due := range w.due {
		if w.failures[namespace] == "" || time.Since(w.attempts[namespace]) >= readRetry {
			turns[namespace] = w.turn(due)
		}
	}
	return slices.SortedFunc(maps.Keys(turns), func(a, b string) int {
		return cmp.Or(w.compare(turns[a], turns[b]), w.attempts[a].Compare(w.attempts[b]), cmp.Compare(a, b))
	})
}

// turn returns for whom a namespace is read that is due for these releases: whose turn is the earliest.
func (w *ranImages) turn(due []*pin.Release) (earliest readTurn) {
	for i, r := range due {
		if turn := (readTurn{r.Namespace, !r.WorkloadsUnread}); i == 0 || w.compare(turn, earliest) < 0 {
			earliest = turn
		}
	}
	return earliest
}

// compare compares the turns of two: when something was read for them last, and of those for whom nothing was lately,
// first those that were not read since they have changed.
func (w *ranImages) compare(a, b readTurn) int {
	if c := w.readFor[a].Compare(w.readFor[b]); c != 0 || a.isAgain == b.isAgain {
		return c
	}
	if b.isAgain {
		return -1
	}
	return 1
}

// read reads the workloads of a namespace.
func (w *ranImages) read(ctx context.Context, namespace string) {
	w.mu.Lock()
	due, now := w.due[namespace], time.Now()
	w.mu.Unlock()
	found, unread, err := readWorkloads(ctx, w.live, namespace, &appsv1.ControllerRevisionList{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.take(namespace, due, now, found, unread, err)
}

// take takes what was read of a namespace for the releases that it was read for.
func (w *ranImages) take(namespace string, due []*pin.Release, at time.Time, found namespaceWorkloads, unread unreadWorkloads, err error) {
	w.attempts[namespace] = at
	if len(due) == 0 {
		return // nobody wants to know any more
	}
	w.readFor[w.turn(due)] = at.Add(costFactor * time.Since(at)) // who takes long waits for long
	if err != nil {
		w.failures[namespace] = image.Shorten(err.Error())
		return
	}
	delete(w.failures, namespace)
	if now := w.due[namespace]; len(now) > 0 && &now[0] == &due[0] {
		delete(w.due, namespace) // else they are due for others, too
	}
	own, untraced := found.images(w.exists)
	untraced, isCut := w.shareUntraced(namespace, untraced)
	read := func(id object.ID, revision string) ranKnown {
		images := &pin.WorkloadImages{Images: own[id.Name], Untraced: untraced, IsCut: isCut} // the untraced ones are shared
		return ranKnown{revision: revision, namespace: namespace, at: at, unread: unread, images: images}
	}
	for id, known := range w.known.All() {
		if known.namespace == namespace { // so that all are due at the same time
			*known = known.after(read(id, known.revision))
		}
	}
	for _, r := range due {
		known := w.known.Get(r.ID)
		if known == nil {
			known = w.known.Put(r.ID, ranKnown{})
		}
		*known = known.after(read(r.ID, r.Revision))
	}
}

// shareUntraced adds what was read of a namespace now to what was read before for other releases, and lets all
// have both, so that it is kept once. It reports whether some is left out, because there is too much of it.
func (w *ranImages) shareUntraced(namespace string, now map[string][]image.Reference) (untraced map[string][]image.Reference, isCut bool) {
	var before *pin.WorkloadImages
	for _, known := range w.known.All() {
		if known.namespace == namespace {
			before = known.images
		}
	}
	if before == nil {
		return merged(nil, now)
	}
	untraced, isCut = merged(before.Untraced, now)
	if isCut = isCut || before.IsCut; isCut == before.IsCut && maps.EqualFunc(untraced, before.Untraced, slices.Equal) {
		return before.Untraced, isCut
	}
	for _, known := range w.known.All() {
		if known.namespace == namespace {
			known.images = &pin.WorkloadImages{Images: known.images.Images, Untraced: untraced, IsCut: isCut}
		}
	}
	return untraced, isCut
}
