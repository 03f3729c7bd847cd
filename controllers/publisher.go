package controllers

import (
	"cmp"
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// publisher writes the list at once, and the report on it some time later, and reads what the
// last ones said. What holds after a crash in between is described in package pinlist.
type publisher struct {
	objects    configMaps
	registries []pin.Registry
	// configuration is what the report has of the configuration.
	configuration *v1alpha1.Configuration
	// unprotected returns what it has of the releases that are not protected.
	unprotected func() []v1alpha1.UnprotectedReleases
	heartbeat   time.Duration
	reportDelay time.Duration
	metrics     *metrics

	// memory is what the list and its report say, and what was known before where somebody
	// else has changed them; nil, nothing is known yet.
	memory *pin.Memory
	// published is what they say alone.
	published pin.Memory
	// isPartlyWritten is true after a write that failed: what is there is its beginning.
	isPartlyWritten bool
	// writes are when changes of the list were written, or renewals that were requested: the last one,
	// and the one before it.
	writes [2]time.Time
	// notBefore is when a list that was rejected may be written again.
	notBefore time.Time
	// renewedFor is the last request for a renewal that was met.
	renewedFor string

	// pending is the report on the list that was written last, until it is written, too, and
	// pendingSince is since when there has been one.
	pending      *v1alpha1.PinReport
	pendingSince time.Time
	// salt is that of the last list.
	salt string
}

// view is how the cluster was seen that a report was planned from.
type view struct {
	complete bool
	taken    time.Time
	// salt is what tenants do not know and never changes.
	salt string
}

// wait returns how long to wait before the next write. Two may follow each other at once: what its
// chart names is known soon after a release was suspended.
func (p *publisher) wait(now time.Time) time.Duration {
	return max(2*minWriteInterval-now.Sub(p.writes[1]), p.notBefore.Sub(now))
}

// load returns what the last list and its report said, and reports whether somebody else has
// changed them.
func (p *publisher) load(ctx context.Context) (memory pin.Memory, changed bool, err error) {
	listBefore, reportBefore := p.objects.list.shards, p.objects.report.shards
	read, err := p.objects.refresh(ctx)
	if err != nil {
		return memory, false, err
	}
	list, report := p.objects.list.shards, p.objects.report.shards
	if read == nil || p.memory != nil && list.equal(listBefore) && report.equal(reportBefore) {
		return *p.memory, false, nil
	}
	memory = pinlist.Load(p.objects.list.name, read.list, read.report).Rename(p.registries)
	p.published, p.pending = memory, nil
	if p.memory != nil {
		isNewer := list.syncedAt().After(listBefore.syncedAt()) && !p.isPartlyWritten
		memory, changed = p.memory.Merge(memory, isNewer), true
	}
	p.memory = &memory
	return memory, changed, nil
}

// publish writes a report's list to the ConfigMaps that differ from it, and renews synced-at in
// all if that is due or requested. It returns when that is due next. The report stays pending.
func (p *publisher) publish(ctx context.Context, report *v1alpha1.PinReport, v view) (next time.Duration, err error) {
	objects, err := p.encode(report, v)
	if err != nil {
		return 0, p.fail(report, err)
	}
	list := &p.objects.list
	desired := p.objects.merge(list, objects)
	request := list.shards.requestedAt()
	isRequested := v.complete && request != "" && request != p.renewedFor
	isDue := isRequested || list.shards.renewIn(p.heartbeat, v.taken) <= 0
	changed := list.shards.stamp(desired, v.complete, v.taken, isDue)
	if isRequested && objects[0].Annotations[v1alpha1.PlanAnnotation] == p.published.Plan {
		// The list stays as it is, and who has asked reads it and then its report, which may have changed.
		p.pending, p.salt = report, v.salt
		_ = p.writeReport(ctx) // what fails is tried again afterwards
	}
	if changed || isRequested {
		p.writes = [2]time.Time{time.Now(), p.writes[0]}
	}
	p.isPartlyWritten = true // until all succeeded
	if err := p.objects.write(ctx, list, desired); err != nil {
		return 0, p.fail(report, err)
	}
	memory := pin.MemoryOf(report)
	memory.Plan = objects[0].Annotations[v1alpha1.PlanAnnotation]
	p.memory, p.published, p.isPartlyWritten, p.pending, p.salt = &memory, memory, false, report, v.salt
	if isRequested {
		p.renewedFor = request
	}
	p.metrics.listWritten(v.complete, list.shards.syncedAt(), pinlist.Size(objects), list.shards[0].room(), len(objects))
	if changed {
		log.FromContext(ctx).Info("Wrote the list", "pins", len(report.Pins), "complete", v.complete,
			"releases", len(report.Releases), "objects", len(desired))
	}
	return list.shards.renewIn(p.heartbeat, v.taken), nil
}

// fail adds a report that could not be written, or not in full, to the memory.
func (p *publisher) fail(report *v1alpha1.PinReport, err error) error {
	p.memory = new(p.memory.AddUnwritten(report))
	return err
}

// encode returns the objects of a report's list. They are of another plan than those that there
// are if their pins are others, or if a release needs a pin of which the report that there is
// does not have it.
func (p *publisher) encode(report *v1alpha1.PinReport, v view) ([]pinlist.Object, error) {
	stamp := pinlist.Stamp{Complete: v.complete, Plan: p.published.Plan}
	list := &p.objects.list
	objects, err := pinlist.Encode(list.name, report.Pins, stamp, list.layout(v.salt))
	if err != nil {
		return nil, err
	}
	if stamp.Plan == "" || !list.shards.haveData(objects) || pin.AddsOwner(p.published.Pins, report.Pins) {
		objects[0].Annotations[v1alpha1.PlanAnnotation] = v.taken.UTC().Format(time.RFC3339Nano)
	}
	return objects, nil
}

// publishReport writes the pending report if it is due, and returns when it is due next.
func (p *publisher) publishReport(ctx context.Context) (next time.Duration, err error) {
	p.pendingSince = cmp.Or(p.pendingSince, time.Now())
	if left := p.reportDelay - time.Since(p.pendingSince); left > 0 {
		return left, nil
	}
	return p.heartbeat, p.writeReport(ctx)
}

// writeReport writes the report on the list that was written last, unless it is written.
func (p *publisher) writeReport(ctx context.Context) error {
	if p.pending == nil {
		return nil
	}
	report := *p.pending
	report.List, report.Configuration = pinlist.Reference(report.Pins, p.memory.Plan), p.configuration
	report.Unprotected = p.unprotected()
	encoded, err := pinlist.EncodeReport(p.objects.list.name, &report, p.objects.report.layout(p.salt))
	if err != nil {
		return err
	}
	if err := p.objects.write(ctx, &p.objects.report, p.objects.merge(&p.objects.report, encoded.Objects)); err != nil {
		return err
	}
	p.pending, p.pendingSince = nil, time.Time{}
	p.metrics.reportWritten(encoded)
	return nil
}
