package controllers

import (
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// gatherer takes snapshots of the cluster: from the caches, and from the API server itself
// where a pin may be removed.
type gatherer struct {
	watches *watches
	live    client.Reader
	options pin.Options
	shares  *shares

	namespaces   informers.Values[pin.Namespace]
	policies     informers.Values[link.Policy]
	repositories informers.Values[link.Repository]

	images            *releaseImages
	charts            *chartImages // nil where charts are not read
	ignoreCharts      bool
	valuesFrom        *valuesFromCache
	valuesFromWatches []*informers.ValuesFromWatch
	ran               *ranImages
	pods              *pods

	// passes are asked for when something was read beside them.
	passes *requests

	readingPods, readingWorkloads, readingCharts, readingVersions, requestingCharts background

	// continuity knows since when the cluster was observed without interruption, and last is
	// when that was done last.
	continuity pin.Continuity
	last       time.Time
}

// gather takes a snapshot of the cluster for a plan after that memory, and reports whether
// there is more to read, in another pass. It returns nil while there is nothing to plan from:
// a required kind is missing, or another one is still being read and wait is true.
func (g *gatherer) gather(ctx context.Context, now time.Time, memory pin.Memory, wait bool) (s *pin.Snapshot, more bool) {
	elapsed := now.Sub(g.last)
	g.last = now
	now = now.Round(0) // times of the list are compared with those of this clock alone
	s = &pin.Snapshot{Taken: now, Since: g.continuity.Observe(now, elapsed), Memory: memory}
	more, ok := g.fill(ctx, s, wait)
	if !ok || !s.Complete() {
		g.interrupt()
	}
	if !ok {
		return nil, false
	}
	return s, more
}

// interrupt notes that not everything was observed since the last snapshot.
func (g *gatherer) interrupt() {
	g.continuity.Interrupt()
}

// fill reads what belongs into a snapshot; ok is false where there is nothing to plan from.
func (g *gatherer) fill(ctx context.Context, s *pin.Snapshot, wait bool) (more, ok bool) {
	if !g.checkWatches(s, wait) {
		return false, false
	}
	required := pin.Require(s.Memory, s.Taken, s.Since, g.options)
	if required.MayRemove {
		s.Confirmed = make(map[object.ID]bool, len(required.ToConfirm))
	}
	if g.ignoreCharts {
		s.Notes = append(s.Notes, v1alpha1.Problem{
			Reason: v1alpha1.ReasonChartNotRead, Message: "the configuration's charts is Ignore: images that only charts name are not pinned",
		})
	}
	s.Namespaces = gatherKind(ctx, g, s, &g.namespaces)
	g.addReleases(ctx, s, g.releases(ctx, s, required), required)
	if !g.checkValuesFrom(s, wait) {
		return false, false
	}
	g.ran.attach(s)
	s.Policies = gatherKind(ctx, g, s, &g.policies)
	s.Repositories = gatherKind(ctx, g, s, &g.repositories)
	g.pods.attach(s, required.Namespaces(s.Releases))
	return required.More, true
}

// checkWatches adds the kinds that cannot be read to the failed reads. It returns false while
// they are to be waited for.
func (g *gatherer) checkWatches(s *pin.Snapshot, wait bool) bool {
	for _, i := range g.watches.core() {
		state, detail := i.Progress()
		message := detail
		failure := i.Failure()
		if failure != nil {
			message = image.Shorten(failure.Error())
		}
		switch {
		case state == informers.InSync && failure == nil:
			continue
		case state != informers.InSync && (i.Required || state != informers.NotServed && wait):
			return false
		case state == informers.NotServed && !s.Memory.HasPolicies:
			s.Notes = append(s.Notes, v1alpha1.Problem{Reason: v1alpha1.ReasonKindNotServed, Object: i.GVK.Kind, Message: detail})
			continue
		case state == informers.NotServed:
			message = detail + ", and it did when the list was made"
		}
		addFailedRead(s, i.GVK.Kind, message)
	}
	return true
}

// releases returns the releases that may be protected and those that pins are held for: from
// the cache, and from the API server itself where a pin would be removed without them, for a
// cache may be behind.
func (g *gatherer) releases(ctx context.Context, s *pin.Snapshot, required *pin.Requirements) []*keptRelease {
	for _, id := range required.ToConfirm {
		s.Confirmed[id] = true
	}
	if required.ConfirmAll {
		return readKind[convert.KeptRelease](ctx, g, s, g.watches.releases)
	}
	var releases []*keptRelease
	for _, release := range g.cachedReleases(s, required) {
		if !s.Confirmed[release.Value.Release.ID] {
			releases = append(releases, release)
		}
	}
	for _, id := range required.ToConfirm {
		release, err := g.confirm(ctx, id)
		switch {
		case err != nil:
			addFailedRead(s, id.Kind+" "+id.Name.String(), image.Shorten(err.Error()))
		case release != nil:
			releases = append(releases, convert.KeepSmall(release, g.shares.spend))
		}
	}
	return releases
}

// cachedReleases returns the releases of the cache that may be protected and the owners of
// listed pins, or all where the owners are not known.
func (g *gatherer) cachedReleases(s *pin.Snapshot, required *pin.Requirements) []*keptRelease {
	if required.AllReleases {
		return informers.List[convert.KeptRelease](g.watches.releases)
	}
	releases, err := informers.ByIndex[convert.KeptRelease](g.watches.releases, candidateIndex, candidateIndex)
	if err != nil { // there is no such index
		addFailedRead(s, g.watches.releases.GVK.Kind, image.Shorten(err.Error()))
	}
	for _, release := range releases {
		required.Found(release.Value.Release.ID)
	}
	for _, owner := range required.NotFound() {
		cached, _ := g.watches.releases.Get(client.ObjectKey{Namespace: owner.Namespace, Name: owner.Name.Name})
		if release, ok := cached.(*keptRelease); ok && release.Value.Release.ID == owner {
			releases = append(releases, release)
		}
	}
	return releases
}

// confirm reads a release from the API server; nil, there is none to protect. The answer is
// the same where the kind does not exist any more: that is an error.
func (g *gatherer) confirm(ctx context.Context, id object.ID) (*flux.HelmRelease, error) {
	release := &flux.HelmRelease{}
	err := g.live.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name.Name}, release)
	switch {
	case apierrors.IsNotFound(err):
		return nil, g.live.List(ctx, &flux.HelmReleaseList{}, client.InNamespace(id.Namespace), client.Limit(1))
	case err == nil && !g.watches.releases.Selects(release):
		return nil, nil //nolint:nilnil // it is another instance's now, whose list has its pins
	default:
		return release, err
	}
}

// addReleases adds the releases that are protected or that pins are held for, with their
// images.
func (g *gatherer) addReleases(ctx context.Context, s *pin.Snapshot, releases []*keptRelease, required *pin.Requirements) {
	s.AllReleases = required.AllReleases
	protector := pin.NewProtector(s.Namespaces, g.options)
	var mistyped []*pin.Release
	for _, kept := range releases {
		if kept.Value.Release.UnknownAnnotations != "" {
			mistyped = append(mistyped, &kept.Value.Release)
		}
	}
	s.Notes = append(s.Notes, protector.Overlooked(mistyped)...)
	wanted := slices.DeleteFunc(releases, func(kept *keptRelease) bool {
		release := &kept.Value.Release
		return !protector.Protects(release) && !required.Wants(release.ID)
	})
	count := countByNamespace(wanted)
	g.shares.begin(count)
	if g.charts != nil {
		g.charts.begin()
		g.requestCharts(s, wanted, protector)
	}
	err := g.images.prepare(ctx, wanted, count)
	if err != nil {
		addFailedRead(s, g.watches.releases.GVK.Kind, image.Shorten(err.Error()))
	}
	s.Releases = make([]pin.Release, len(wanted))
	for i, kept := range wanted {
		if i%readAhead == 0 {
			g.images.readAhead(ctx, wanted[i:min(i+readAhead, len(wanted))], s.Confirmed)
		}
		release := &s.Releases[i]
		*release = kept.Value.Release
		// What could not be read in bulk is not read one by one: they are many.
		switch {
		case release.Images == nil && (err == nil || !isWithoutValues(kept)):
			release.Images = g.images.find(ctx, kept, s, s.Confirmed[release.ID])
		case s.Confirmed != nil:
			g.images.retain(kept)
		}
		if g.charts != nil {
			// The others are searched for the owners of pins, which the list does not wait for.
			isAwaited := !required.AllReleases || protector.Protects(release)
			g.charts.attach(s, kept, release, g.images.versionsOf(kept), isAwaited)
		}
	}
	g.images.sweep()
	if g.charts != nil {
		g.charts.end()
	}
}

// requestCharts decides which HelmCharts are made for releases that were created suspended.
func (g *gatherer) requestCharts(s *pin.Snapshot, releases []*keptRelease, protector *pin.Protector) {
	if g.charts.requests == nil {
		return
	}
	g.charts.requests.decide(s, slices.DeleteFunc(slices.Clone(releases), func(kept *keptRelease) bool {
		return !protector.Protects(&kept.Value.Release)
	}))
}

func countByNamespace(releases []*keptRelease) map[string]int {
	count := map[string]int{}
	for _, kept := range releases {
		count[kept.Namespace]++
	}
	return count
}

// checkValuesFrom sees to it that what values come from is watched, and adds kinds whose
// changes cannot be read to the failed reads. It returns false while they are to be waited for.
func (g *gatherer) checkValuesFrom(s *pin.Snapshot, wait bool) bool {
	used := g.valuesFrom.sweep()
	for _, w := range g.valuesFromWatches {
		if !used[w.Kind] {
			continue
		}
		inSync, failure := w.Begin(), w.Failure()
		switch {
		case inSync && failure == nil:
			continue
		case !inSync && wait:
			return false
		case failure == nil:
			failure = errors.New("its changes cannot be watched yet")
		}
		addFailedRead(s, w.Kind, image.Shorten(failure.Error()))
	}
	return true
}

// interval is how often what held pins wait for is read.
func (g *gatherer) interval() time.Duration {
	return g.pods.interval
}

// readMore begins to read what the next plans need of namespaces.
func (g *gatherer) readMore(ctx context.Context) {
	g.readingPods.start(ctx, g.passes, g.pods.due, limited(g.pods.read))
	g.readingWorkloads.start(ctx, g.passes, g.ran.next, limited(g.ran.read))
	if g.charts != nil {
		g.readingVersions.start(ctx, g.passes, g.charts.cluster.due, limited(g.charts.cluster.refresh))
		g.readingCharts.start(ctx, g.passes, g.charts.next, g.charts.read)
		if requests := g.charts.requests; requests != nil {
			g.requestingCharts.start(ctx, nil, requests.next, limited(requests.act))
		}
	}
}

// isInterrupted reports whether a watch is interrupted, or has not shown since that it works.
func (g *gatherer) isInterrupted() bool {
	return slices.ContainsFunc(g.watches.all(), func(i *informers.Informer) bool { return i.IsInterrupted() }) ||
		slices.ContainsFunc(g.valuesFromWatches, func(w *informers.ValuesFromWatch) bool { return w.IsInterrupted() })
}

// gatherKind returns a kind's values: those of the cache, or, where a pin may be removed, of
// the API server itself.
func gatherKind[T any](ctx context.Context, g *gatherer, s *pin.Snapshot, cached *informers.Values[T]) []T {
	if s.Confirmed == nil {
		return cached.Get()
	}
	return informers.ValuesOf(readKind[T](ctx, g, s, cached.Informer))
}

// readKind returns a kind's objects from the API server, and those of the cache where that
// fails.
func readKind[T any](ctx context.Context, g *gatherer, s *pin.Snapshot, i *informers.Informer) []*convert.Kept[T] {
	if !i.IsInSync() {
		return nil
	}
	objects, err := informers.Live[T](ctx, i, convert.Keep(true, g.shares.spend))
	if err != nil {
		addFailedRead(s, i.GVK.Kind, image.Shorten(err.Error()))
		return informers.List[T](i)
	}
	return objects
}
