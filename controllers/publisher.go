package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// minWriteInterval is how long after a write the next one is made at the earliest. What changes
// in between is written together: a write of a large list takes the API server, etcd and every
// reader a good part of this time. It is short beside what it takes a cleaner to read the list.
const minWriteInterval = 750 * time.Millisecond

// publisher writes reports to the list's ConfigMaps, and reads what the last one said.
type publisher struct {
	list      configMaps
	heartbeat time.Duration
	metrics   *metrics

	// memory is what the ConfigMaps say, and what was known before where somebody else has
	// changed them; nil, nothing is known yet.
	memory *pin.Memory
	// isPartlyWritten is true after a write that failed: what is there is its beginning.
	isPartlyWritten bool
	// lastWrite is when a change was written last.
	lastWrite time.Time
}

// wait returns how long to wait before the next write.
func (p *publisher) wait(now time.Time) time.Duration {
	return minWriteInterval - now.Sub(p.lastWrite)
}

// load returns what the last list said, and reports whether somebody else has changed it.
func (p *publisher) load(ctx context.Context) (memory pin.Memory, changed bool, err error) {
	before := p.list.shards
	refreshed, err := p.list.refresh(ctx)
	if err != nil {
		return memory, false, err
	}
	if !refreshed {
		return *p.memory, false, nil
	}
	now := p.list.shards
	memory = pin.Recall(now.parts())
	memory.Forgotten = memory.Forgotten || !now.areWhole()
	switch {
	case p.memory == nil:
	case before.haveDataOf(now):
		return *p.memory, false, nil
	default:
		isNewer := now.syncedAt().After(before.syncedAt()) && !p.isPartlyWritten
		memory, changed = p.memory.Reread(memory, isNewer), true
	}
	p.memory = &memory
	return memory, changed, nil
}

// publish writes a report to the ConfigMaps whose data or annotations it changes, and to all
// where their synced-at is due, and returns when it is due next. The report was made from what
// was read at that time, completely or not. The salt is what tenants do not know and never
// changes.
func (p *publisher) publish(
	ctx context.Context, report *v1alpha1.PinReport, complete bool, taken time.Time, salt string,
) (renewIn time.Duration, err error) {
	memory := pin.MemoryOf(report)
	defer func() {
		if err != nil {
			memory = p.memory.Reread(memory, false) // some of it may have been written
		}
		p.memory = &memory
	}()
	parts, size, err := pin.Spread(report, salt, len(p.list.shards), func(shard int) int { return roomIn(p.list.shards[shard]) })
	if err != nil {
		return 0, err
	}
	desired := make([]*corev1.ConfigMap, len(parts))
	for i := range parts {
		desired[i] = render(p.list.shards[i], p.list.name, i, len(parts), &parts[i], complete)
	}
	if len(desired) > 1 {
		desired[0].Annotations[v1alpha1.ShardsAnnotation] = digestOf(desired[1:])
	} else {
		delete(desired[0].Annotations, v1alpha1.ShardsAnnotation)
	}
	changed := p.stamp(desired, complete, taken)
	if changed {
		p.lastWrite = time.Now()
	}
	p.isPartlyWritten = true // until all succeeded
	if err := p.list.write(ctx, desired); err != nil {
		return 0, err
	}
	p.isPartlyWritten = false
	p.metrics.published(complete, p.list.shards.syncedAt(), size, pin.MostTold*maxObjectBytes, len(parts))
	if changed {
		log.FromContext(ctx).Info("Wrote the list", "pins", len(report.Pins), "complete", complete,
			"releases", len(report.Releases), "objects", len(parts))
	}
	return p.list.shards.renewIn(p.heartbeat, taken), nil
}

// stamp sets when the list was last known to be current in the ConfigMaps that have changed, and
// in all where that is due. It reports whether any has changed.
func (p *publisher) stamp(desired []*corev1.ConfigMap, complete bool, taken time.Time) (changed bool) {
	current := p.list.shards
	changed = len(desired) != len(current)
	isDue := current.renewIn(p.heartbeat, taken) <= 0
	last := current.syncedAt()
	if last.IsZero() {
		last = taken
	}
	for i, object := range desired {
		isChanged := !isSame(current[i], object)
		changed = changed || isChanged
		switch {
		case complete && (isChanged || isDue):
			object.Annotations[v1alpha1.SyncedAtAnnotation] = taken.UTC().Format(time.RFC3339)
		case object.Annotations[v1alpha1.SyncedAtAnnotation] == "":
			object.Annotations[v1alpha1.SyncedAtAnnotation] = last.UTC().Format(time.RFC3339)
		}
	}
	return changed
}
