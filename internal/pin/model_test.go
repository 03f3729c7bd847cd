package pin_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// The promise, against a model of the world: whatever happens to releases, policies, pods,
// the list, its report, and the processes that keep them, no cleaner that reads the pods and
// the list, in any order and at any two moments no further apart than the grace, deletes a
// tag that a release needs whose suspension was observed, before it was live for the grace.

// modelGrace is the grace in the model, in which everything happens in seconds, and
// modelReportDelay is how long a process that goes on does without writing the report.
const (
	modelGrace       = time.Minute
	modelReportDelay = 15 * time.Second
)

// modelRelease is a release as it is in the cluster. Its tag is empty if its values name an image
// without one;
// deployed are the tags that its workloads name, scaled to zero or not.
type modelRelease struct {
	suspended, disabled, ready, unreadable, hasRun bool

	tag, deployed string
	// isBare is set if its values name no image at all.
	isBare bool

	chart modelChart
	// seenChart is what a process knew of the chart that has seen the release.
	seenChart seenChart
}

// isKnown reports whether a process that has seen the release knows which images it refers to.
func (r *modelRelease) isKnown() bool { return !r.unreadable && !r.seenChart.isPending }

// fellAsleep reports whether a process sees for the first time that the release sleeps.
func (r *modelRelease) fellAsleep(wasAsleep bool) bool {
	return r.suspended && !wasAsleep && !r.seenChart.isPending
}

// modelCluster is what the API server has: releases, by name; the tag that the one
// policy has resolved for the image, if it is there.
type modelCluster struct {
	releases map[string]modelRelease
	policy   string
}

func (c *modelCluster) copy() modelCluster {
	d := *c
	d.releases = maps.Clone(c.releases)
	return d
}

// tags are what a release refers to: its own tag, what the policy has resolved, and what its chart
// names.
func (c *modelCluster) tags(name string) []string {
	tags := c.valuesTags(name)
	if r := c.releases[name]; !r.disabled && r.chart.tag != "" {
		tags = append(tags, r.chart.tag)
	}
	return tags
}

// seenTags are the tags that a process knew that has seen this.
func (c *modelCluster) seenTags(name string) []string {
	tags := c.valuesTags(name)
	if r := c.releases[name]; !r.disabled {
		tags = append(tags, r.seenChart.tags()...)
	}
	return tags
}

// valuesTags are what a release refers to without its chart.
func (c *modelCluster) valuesTags(name string) []string {
	r, exists := c.releases[name]
	if !exists || r.disabled || r.isBare {
		return nil
	}
	var tags []string
	if r.tag != "" {
		tags = append(tags, r.tag)
	}
	if c.policy != "" {
		tags = append(tags, c.policy)
	}
	return tags
}

// modelNeed is a release and a tag.
type modelNeed struct{ release, tag string }

// modelDebt is what is owed to a release whose suspension was observed: its tag stays until
// there was no moment in a whole grace at which it had to.
type modelDebt struct {
	// isSuspended and isResumed are what was observed of it last: that the release sleeps and must
	// keep the tag, or that it is awake.
	isSuspended, isResumed bool
	// refers is set if it was observed that the release refers to the tag.
	refers bool
	// byChart is set if its chart named it when it was rendered last, by whatever process.
	byChart bool
	// hasRun is set if the release ran it when it was suspended.
	hasRun bool
	// isForgotten is set if nothing but the chart can tell any more that the release needs it.
	isForgotten bool
	// unsafe is the last moment at which it had to stay, and notLive the last one at
	// which the release was not live.
	unsafe, notLive time.Time
	// missed is the last moment at which a cleaner could read a list without it.
	missed time.Time
}

// modelProcess is a pinsync.
type modelProcess struct {
	running bool
	// clock is by how much its clock is wrong.
	clock      time.Duration
	observed   time.Time
	continuity pin.Continuity
	pods       pin.PodImages
	// podTags are the tags that the pods of each release ran, as they were read last, and deployed what the
	// workloads named then.
	podTags  map[string][]string
	deployed map[string]*pin.WorkloadImages
	known    pin.Memory
	// published is what the list and its report say.
	published pin.Memory
	// knows is the version of the list and its report that is known.
	knows modelVersion
	cache modelCluster
	// charts are what it knows of charts, and inherited what the report said that they name which it
	// has found when it was started. renderedAt is when it has rendered them, and isWaiting is set if
	// one is still to be rendered that matters for what was planned.
	charts     map[string]*knownChart
	inherited  map[string]string
	renderedAt time.Time
	isWaiting  bool
	// synced is when the cache was as the cluster.
	synced time.Time
	failed bool

	// blind is set if it found no list and does not know the last one: then it cannot know
	// which releases were being resumed.
	blind   bool
	planner *pin.Planner
	// planned is a report whose list is not written yet, made from a version of the list.
	planned *v1alpha1.PinReport
	from    modelVersion
	seen    modelCluster
	// seenAt is when the cluster was as it is in seen, at the earliest.
	seenAt time.Time
	// slept are the releases that it knew to have been suspended, or resumed and not live, before that.
	slept map[string]bool
	// pending is a report whose list is written, and pendingSince is since when there was
	// none for what was planned.
	pending       *v1alpha1.PinReport
	pendingCharts map[string]string
	pendingSince  time.Time
	// ends is set if it ends after the list was written, or found right.
	ends bool
}

// modelVersion is the versions of the list and of its report, which only grow.
type modelVersion struct{ list, report int }

type model struct {
	*rapid.T
	options pin.Options
	now     time.Time
	cluster modelCluster
	// pods are the running ones: of which release, with which tag.
	pods     map[string]modelNeed
	podsEver int

	kept    published
	version modelVersion
	// planned is the plan that the last list was written for, and reported the one that there is
	// a report for.
	planned, reported int
	// charts are what the report has of what charts name.
	charts map[string]string
	// tampered is set if somebody else has written the list, so that its checksum does not
	// match, and incomplete if reads for it have failed.
	tampered, incomplete bool

	processes [2]modelProcess
	debts     map[modelNeed]*modelDebt
	// asleep are the releases of which it was observed last that they sleep, with all that they
	// refer to.
	asleep map[string]bool
	// proven are the debts that were forgiven, as long as the release was seen live on the tag.
	proven map[modelNeed]bool
	// unknownSince is since when it is not known what a release named last, by release.
	unknownSince map[string]time.Time
	// unseen is, for every tag, the last moment at which no pod carried it.
	unseen map[string]time.Time
}

func newModel(t *rapid.T) *model {
	m := &model{
		T: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		options: pin.Options{Grace: modelGrace, ReadyIsProof: rapid.IntRange(0, 3).Draw(t, "proof") == 0},
		cluster: modelCluster{releases: map[string]modelRelease{}},
		pods:    map[string]modelNeed{},
		debts:   map[modelNeed]*modelDebt{},
		asleep:  map[string]bool{},
		proven:  map[modelNeed]bool{},
		unseen:  map[string]time.Time{},

		unknownSince: map[string]time.Time{},
	}
	m.processes[0].running = true
	return m
}

func (m *model) someRelease() string {
	return rapid.SampledFrom([]string{"x", "y"}).Draw(m.T, "release")
}
func (m *model) someTag() string { return rapid.SampledFrom(modelTags()).Draw(m.T, "tag") }

func modelTags() []string { return []string{"a", "b"} }

func (m *model) someProcess() *modelProcess {
	return &m.processes[rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(m.T, "process")]
}

// edit changes a release that exists. Whatever is changed, it is not ready before
// Flux has seen to it.
func (m *model) edit(name string, change func(*modelRelease)) {
	if r, exists := m.cluster.releases[name]; exists {
		r.hasRun = true // or it may have
		change(&r)
		m.cluster.releases[name] = r
	}
}

// isLive reports whether a release runs with a tag that it refers to. Whether it is live on
// something else is only known when its pods are read.
func (m *model) isLive(n modelNeed) bool {
	if !slices.Contains(m.cluster.tags(n.release), n.tag) {
		return true
	}
	for _, pod := range m.pods {
		if pod == n {
			return true
		}
	}
	return false
}

// isLiveElsewhere reports whether a release runs with another tag that it refers to, as its pods
// were read last.
func (p *modelProcess) isLiveElsewhere(n modelNeed, refersTo []string) bool {
	running, ok := p.podTags[n.release]
	return ok && (len(refersTo) == 0 && len(running) > 0 || slices.ContainsFunc(refersTo, func(tag string) bool { return slices.Contains(running, tag) }))
}

// needsSuspended reports whether a release needs a tag while it is suspended, as far as that is known
// without rendering its chart.
func (m *model) needsSuspended(n modelNeed, d *modelDebt) bool {
	r := m.cluster.releases[n.release]
	return r.suspended && !r.unreadable &&
		(slices.Contains(m.cluster.valuesTags(n.release), n.tag) || d.refers && !r.disabled && r.chart.tag == n.tag)
}

// isSafe reports whether a debt is not due at this moment.
func (m *model) isSafe(n modelNeed, d *modelDebt) bool {
	switch {
	case d.isSuspended:
		return false
	case d.isResumed && d.refers && !m.options.ReadyIsProof:
		return m.isLive(n)
	default:
		return true
	}
}

// pass lets time pass.
func (m *model) pass(d time.Duration) {
	m.clean()
	m.now = m.now.Add(d)
	m.clean()
}

// forgive forgives the debts that were not due for a grace, unless the release is suspended
// again and nobody has observed it yet.
func (m *model) forgive() {
	for n, debt := range m.debts {
		// That it refers to the tag for a moment, and nobody observes it, is not promised anything.
		if debt.refers && !m.isLive(n) {
			debt.notLive = m.now
		}
		switch {
		case !m.isSafe(n, debt):
			debt.unsafe = m.now
		case m.now.Sub(debt.unsafe) >= modelGrace && !m.needsSuspended(n, debt):
			delete(m.debts, n)
			m.proven[n] = debt.isResumed
		}
	}
}

// clean does what the worst of all cleaners does, which looks whenever it should not: it
// deletes a tag that no pod ran at one moment and that was not listed at another. But it
// refuses to read a list that is incomplete, or that others have tampered with.
func (m *model) clean() {
	m.forgive()
	carried, listed := map[string]bool{}, m.tags()
	for _, pod := range m.pods {
		carried[pod.tag] = true
	}
	for _, tag := range modelTags() {
		if !carried[tag] {
			m.unseen[tag] = m.now
		}
	}
	for n, debt := range m.debts {
		if len(m.kept.list) > 0 && !m.tampered && !m.incomplete && !listed[n.tag] {
			debt.missed = m.now
		}
		if !debt.missed.IsZero() && debt.missed.Sub(m.unseen[n.tag]).Abs() <= modelGrace {
			m.Fatalf("%s: a cleaner that has scanned the pods at %s and read the list at %s deletes %s, which %s needs (%+v); the list says\n%s",
				m.now.Format(time.TimeOnly), m.unseen[n.tag].Format(time.TimeOnly), debt.missed.Format(time.TimeOnly), n.tag, n.release, debt, m.kept.list)
		}
	}
}

// observe notes what a process had seen that has written the list now, or found it
// right.
func (m *model) observe(p *modelProcess, seen *modelCluster, at time.Time) {
	for name, r := range seen.releases {
		m.addDebts(p, seen, name, &r)
	}
	for n, debt := range m.debts {
		if at.Before(debt.unsafe) {
			debt.unsafe = at
		}
		m.observeDebt(p, seen, n, debt)
	}
}

// observeDebt notes what a process had seen of a release that is owed a tag.
func (m *model) observeDebt(p *modelProcess, seen *modelCluster, n modelNeed, debt *modelDebt) {
	r, exists := seen.releases[n.release]
	exists = exists && !r.disabled
	tags := seen.seenTags(n.release)
	refers := slices.Contains(tags, n.tag)
	if debt.observeChart(&r, n.tag, refers); debt.isForgotten && (r.isLive() || !debt.byChart) {
		delete(m.debts, n)
		return
	}
	debt.isSuspended = exists && r.suspended && (debt.mayRefer(refers) || len(tags) == 0 && !r.isBare)
	debt.isResumed, debt.refers = exists && !r.suspended, refers
	isElsewhere := refers || m.options.ReadyIsProof || p.isLiveElsewhere(n, tags)
	m.observeSafety(n, debt, r.ready && isElsewhere)
}

// observeSafety notes whether a debt is due at this moment.
func (m *model) observeSafety(n modelNeed, debt *modelDebt, isLive bool) {
	switch {
	case debt.isSuspended, debt.isResumed && !isLive, !m.isSafe(n, debt):
		debt.unsafe = m.now
	case debt.isResumed && !m.options.ReadyIsProof && debt.notLive.After(debt.unsafe):
		debt.unsafe = debt.notLive
	}
}

// observeChart notes whether the chart of a release that is owed a tag has named it: it may do so as long as
// this process has not rendered it.
func (d *modelDebt) observeChart(r *modelRelease, tag string, refers bool) {
	d.byChart = slices.Contains(r.seenChart.adds(), tag) || d.byChart && !r.seenChart.isRendered
	d.isForgotten = d.isForgotten && !refers && !d.hasRun
}

// mayRefer reports whether a release that sleeps needs the tag, or may.
func (d *modelDebt) mayRefer(refers bool) bool {
	return refers || d.hasRun || d.isSuspended && d.byChart
}

// isLive reports whether it is taken for live of which nothing but the chart could tell what it needs.
func (r *modelRelease) isLive() bool { return !r.suspended && r.ready }

// addDebts adds what is owed to a release that a process had seen: what it refers to, while it
// sleeps, is resumed and not Ready yet, or something is still owed to it, and what it ran when it was suspended.
func (m *model) addDebts(p *modelProcess, seen *modelCluster, name string, r *modelRelease) {
	fellAsleep := r.fellAsleep(m.asleep[name])
	m.asleep[name] = r.suspended && !r.disabled && (m.asleep[name] || r.isKnown())
	isOwed := m.mayHaveRun(name, fellAsleep && r.hasRun) || r.suspended || p.slept[name] && !r.ready
	if !isOwed || r.disabled || r.unreadable || p.seenAt.Before(m.unknownSince[name]) {
		return
	}
	for _, tag := range slices.Concat(seen.valuesTags(name), r.seenChart.adds()) {
		m.oweUnlessProven(p, modelNeed{name, tag}, !r.suspended && r.ready)
	}
	if r.suspended {
		m.oweWhatRan(p, name, r, fellAsleep)
	}
}

// mayHaveRun notes of what is owed to a release that it may have run it, if it has, and reports whether
// something is owed to it as a resumed one.
func (m *model) mayHaveRun(name string, hasRun bool) (isResumed bool) {
	for n, debt := range m.debts {
		if n.release == name {
			isResumed = isResumed || debt.isResumed
			debt.hasRun = debt.hasRun || hasRun && !debt.isForgotten
		}
	}
	return isResumed
}

// oweUnlessProven adds what a release refers to, unless it was proven live on it before and still
// is.
func (m *model) oweUnlessProven(p *modelProcess, n modelNeed, isReady bool) {
	isLive := m.options.ReadyIsProof || slices.Contains(p.podTags[n.release], n.tag)
	if m.proven[n] = m.proven[n] && isReady && isLive; !m.proven[n] {
		m.owe(n)
	}
}

// oweWhatRan adds what a suspended release ran: by its values when it was suspended, and by its
// workloads.
func (m *model) oweWhatRan(p *modelProcess, name string, r *modelRelease, fellAsleep bool) {
	if fellAsleep && r.hasRun && r.tag != "" {
		m.owe(modelNeed{name, r.tag}).hasRun = true
	}
	if fellAsleep && r.hasRun {
		for _, tag := range r.seenChart.adds() {
			m.owe(modelNeed{name, tag}).hasRun = true
		}
	}
	if w := p.deployed[name]; w != nil {
		for _, ref := range w.Images {
			m.owe(modelNeed{name, ref.Tag}).hasRun = true
		}
	}
}

// owe returns the debt for a release and a tag, a new one if there is none. It may have been live
// before that.
func (m *model) owe(n modelNeed) *modelDebt {
	if m.debts[n] == nil {
		m.debts[n] = &modelDebt{notLive: m.now}
		if m.isLive(n) {
			m.debts[n].notLive = m.unseen[n.tag]
		}
	}
	return m.debts[n]
}

// load makes a process read the list and its report again, if they are others.
func (m *model) load(p *modelProcess) {
	if p.knows != m.version || m.version.list == 0 {
		read := m.kept.load(nil)
		p.published = read
		if p.knows.list != 0 {
			read = p.known.Merge(read, !m.tampered && p.knows.list != m.version.list)
			p.continuity.Interrupt()
		}
		p.blind = p.blind || p.knows.list < m.version.list-1 && len(m.kept.list) == 0 && m.reported != m.planned
		if p.knows.list == 0 && read.OwnersUnknown {
			m.loseLastNames()
		}
		if p.knows.list == 0 && m.version.list > 0 && !m.tampered && m.reported == m.planned {
			p.inherited = maps.Clone(m.charts)
		}
		p.known, p.knows, p.pending = read, m.version, nil
	}
}

// loseLastNames cancels what is owed to releases whose values cannot be read, and forgets what those ran
// that name no image now, because it is not known any more what they named last: a process that has seen
// it before takes the list's owners instead.
func (m *model) loseLastNames() {
	for n, debt := range m.debts {
		switch r := m.cluster.releases[n.release]; {
		case r.unreadable:
			m.unknownSince[n.release] = m.now
			delete(m.debts, n)
		case r.isBare:
			debt.hasRun, debt.isForgotten = false, true
		}
	}
}

// plan makes a process look at the cluster and make a list.
func (m *model) plan(p *modelProcess, poll bool) {
	p.fail()
	m.load(p)
	if m.now.Sub(p.synced) > modelGrace/2 {
		p.cache, p.synced = m.cluster.copy(), m.now
	}
	if m.now.Sub(p.renderedAt) > modelGrace/2 {
		m.renderCharts(p)
	}
	elapsed := m.now.Sub(p.observed)
	p.observed = m.now
	taken := m.now.Add(p.clock)
	s := &pin.Snapshot{Memory: p.known, Taken: taken, Since: p.continuity.Observe(taken, elapsed), Confirmed: map[object.ID]bool{}}
	requirements := pin.Require(s.Memory, s.Taken, s.Since, m.options)
	s.AllReleases = requirements.AllReleases
	p.slept = namesOf(s.Memory.Releases)
	seen := p.cache.copy()
	if requirements.MayRemove {
		seen.policy = m.cluster.policy
	}
	if requirements.ConfirmAll {
		seen = m.cluster.copy()
	}
	for _, confirmed := range requirements.ToConfirm {
		name := confirmed.Name.Name
		delete(seen.releases, name)
		if r, exists := m.cluster.releases[name]; exists {
			seen.releases[name] = r
		}
		s.Confirmed[confirmed] = true
	}
	wanted := map[string]bool{}
	for name, r := range seen.releases {
		isWanted := r.suspended && !r.disabled || requirements.Wants(modelID(name))
		wanted[name] = isWanted
		if isWanted && r.suspended && poll {
			p.readWorkloads(name, m.cluster.releases[name].deployed)
		}
		s.Releases = append(s.Releases, modelSnapshot(name, r, isWanted, p.deployed[name]))
	}
	p.attachCharts(s, &seen, wanted)
	app := object.Name{Namespace: "apps", Name: "app"}
	s.Repositories = []link.Repository{{Name: app, Image: "g.io/o/app"}}
	if seen.policy != "" {
		s.Policies = []link.Policy{{Name: app, Repository: app, LatestImage: "g.io/o/app", LatestTag: seen.policy}}
	}
	m.readPods(p, requirements.Namespaces(s.Releases), taken, poll)
	s.Pods = p.pods.Views(requirements.Namespaces(s.Releases))
	if p.failed {
		s.FailedReads = []v1alpha1.Problem{{Reason: v1alpha1.ReasonReadFailed}}
		p.continuity.Interrupt()
	}
	p.planned, p.from, p.seen, p.seenAt = p.planFrom(s, m.options), m.version, seen, p.synced
}

func namesOf(releases []v1alpha1.Release) map[string]bool {
	names := map[string]bool{}
	for i := range releases {
		names[releases[i].Name] = true
	}
	return names
}

// planFrom plans with the planner that the process has had since it was started.
func (p *modelProcess) planFrom(s *pin.Snapshot, o pin.Options) *v1alpha1.PinReport {
	if p.planner == nil {
		p.planner = pin.NewPlanner(o)
	}
	return p.planner.Plan(s)
}

func modelID(name string) object.ID { return id("apps", name) }

func modelImage(tag string) image.Reference {
	return image.Reference{Repository: image.Repository{Host: "g.io", Path: "o/app"}, Tag: tag}
}

// readWorkloads reads what the workloads of a release name.
func (p *modelProcess) readWorkloads(name, deployed string) {
	var images []image.Reference
	if deployed != "" {
		images = append(images, modelImage(deployed))
	}
	if known := p.deployed[name]; known == nil || !slices.Equal(known.Images, images) {
		if p.deployed == nil {
			p.deployed = map[string]*pin.WorkloadImages{}
		}
		p.deployed[name] = &pin.WorkloadImages{Images: images}
	}
}

func modelSnapshot(name string, r modelRelease, looked bool, workloads *pin.WorkloadImages) pin.Release {
	release := pin.Release{ID: modelID(name), TargetNamespace: "apps", Suspended: r.suspended, Ready: r.ready, HasRun: r.hasRun}
	if r.suspended {
		release.Workloads = workloads
	}
	release.Inputs = imagesIn(map[string]any{"image": map[string]any{"repository": "g.io/o/app"}})
	switch {
	case r.isBare:
		release.Inputs = imagesIn(map[string]any{})
	case r.tag != "":
		release.Inputs = imagesIn(map[string]any{"image": "g.io/o/app:" + r.tag})
	}
	if r.disabled {
		off := v1alpha1.SyncDisabled
		release.Sync = &off
	}
	switch {
	case !looked:
		release.Images = nil
	case r.unreadable:
		release.Images = &pin.ReleaseImages{Unknown: true}
	}
	return release
}

// readPods reads the pods of namespaces: all of them, or only those that were never read.
func (m *model) readPods(p *modelProcess, namespaces []string, taken time.Time, poll bool) {
	if len(namespaces) == 0 {
		p.podTags = nil
		return
	}
	if _, known := p.pods.Views(namespaces)[namespaces[0]]; known && !poll {
		return
	}
	var pods []pin.Pod
	p.podTags = map[string][]string{"x": {}, "y": {}}
	for uid, pod := range m.pods {
		pods = append(pods, pin.Pod{UID: uid, Release: modelID(pod.release).Name, Images: []image.Reference{modelImage(pod.tag)}})
		p.podTags[pod.release] = append(p.podTags[pod.release], pod.tag)
	}
	p.pods.Read(namespaces[0], taken, pods, nil)
}

// write writes the list that a process has planned, if nobody else wrote meanwhile.
func (m *model) write(p *modelProcess) {
	if p.planned == nil || p.from != m.version {
		p.fail()
		return
	}
	next := m.kept
	next.writeList(m, p.planned, m.kept.plan)
	isChanged := !slices.EqualFunc(next.list, m.kept.list, func(a, b pinlist.Object) bool { return maps.Equal(a.Data, b.Data) })
	if isChanged || m.tampered || pin.AddsOwner(p.published.Pins, p.planned.Pins) {
		m.planned++
		m.kept.writeList(m, p.planned, fmt.Sprint("plan ", m.planned))
		m.tampered = false
		m.version.list++
	}
	m.incomplete = len(p.planned.Problems) > 0 || p.isWaiting
	p.known = pin.MemoryOf(p.planned)
	p.known.Plan, p.knows = m.kept.plan, m.version
	if p.pendingSince.IsZero() {
		p.pendingSince = m.now
	}
	p.published, p.pending, p.pendingCharts = p.known, p.planned, chartsIn(p.planned, &p.seen)
	if p.blind {
		p.blind = false
		clear(m.debts)
	}
	// What a process has seen that ends without a trace, one beside it cannot know.
	if isChanged || !p.ends {
		m.observe(p, &p.seen, p.observed)
	}
	p.planned = nil
	if m.now.Sub(p.pendingSince) >= modelReportDelay {
		m.writeReport(p)
	}
}

// fail adds what could not be written to what is known.
func (p *modelProcess) fail() {
	if p.planned != nil {
		p.known, p.planned = p.known.AddUnwritten(p.planned), nil
	}
}

// writeReport writes the report on a list that a process has written, if nobody else wrote
// the report meanwhile.
func (m *model) writeReport(p *modelProcess) {
	if p.pending != nil && p.knows.report == m.version.report {
		of := published{plan: p.known.Plan}
		of.writeReport(m, p.pending)
		m.kept.report = of.report
		m.version.report++
		p.knows.report++
		m.reported, m.charts = 0, p.pendingCharts
		if of.plan == fmt.Sprint("plan ", m.planned) {
			m.reported = m.planned
		}
		p.pendingSince = time.Time{}
	}
	p.pending = nil
}

// crash ends a process between the write of a list of what there is now and that of its
// report, and starts it again.
func (m *model) crash(p *modelProcess) {
	if p.running {
		p.cache, p.synced = m.cluster.copy(), m.now
		m.plan(p, true)
		p.ends = true
		m.write(p)
		p.die()
		p.running = true
	}
}

// die ends a process, at whatever point it is.
func (p *modelProcess) die() {
	*p = modelProcess{clock: p.clock}
}

// tags are the tags of the list.
func (m *model) tags() map[string]bool {
	tags := map[string]bool{}
	for _, object := range m.kept.list {
		for line := range strings.Lines(object.Data[v1alpha1.PinsKey]) {
			tags[strings.TrimSuffix(strings.TrimPrefix(line, "container/app=="), "\n")] = true
		}
	}
	return tags
}

// actions are what may happen.
func (m *model) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"create": func(*rapid.T) {
			if name := m.someRelease(); m.cluster.releases[name] == (modelRelease{}) {
				isSuspended := rapid.Bool().Draw(m.T, "suspended")
				r := modelRelease{suspended: isSuspended, hasRun: !isSuspended, chart: m.someChart(), isBare: rapid.Bool().Draw(m.T, "bare")}
				if !r.isBare {
					r.tag = m.someTag()
				}
				m.cluster.releases[name] = r
			}
		},
		"delete":  func(*rapid.T) { delete(m.cluster.releases, m.someRelease()) },
		"suspend": func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.suspended = true }) },
		"resume":  func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.suspended, r.ready = false, false }) },
		"ready":   func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.ready = !r.suspended }) },
		"fail":    func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.ready = false }) },
		"edit": func(*rapid.T) {
			m.edit(m.someRelease(), func(r *modelRelease) { r.tag, r.isBare, r.ready = m.someTag(), false, false })
		},
		"empty values": func(*rapid.T) {
			m.edit(m.someRelease(), func(r *modelRelease) { r.tag, r.isBare, r.ready = "", false, false })
		},
		"no values": func(*rapid.T) {
			m.edit(m.someRelease(), func(r *modelRelease) { r.tag, r.isBare, r.ready = "", true, false })
		},
		"annotate":    func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.disabled = !r.disabled }) },
		"lose values": func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.unreadable = !r.unreadable }) },
		"resolve":     func(*rapid.T) { m.cluster.policy = rapid.SampledFrom(append(modelTags(), "")).Draw(m.T, "latest") },
		"roll out":    func(*rapid.T) { m.rollOut(m.someRelease()) },
		"scale down":  func(*rapid.T) { m.scaleDown(m.someRelease()) },
		"flicker":     m.flicker,
		"time":        func(*rapid.T) { m.pass(time.Duration(rapid.IntRange(1, 90).Draw(m.T, "seconds")) * time.Second) },
		"start":       func(*rapid.T) { m.someProcess().running = true },
		"kill":        func(*rapid.T) { m.someProcess().die() },
		"set clock": func(*rapid.T) {
			m.someProcess().clock = time.Duration(rapid.SampledFrom([]int{-3600, 0, 30, 3600}).Draw(m.T, "seconds")) * time.Second
		},
		"crash":      func(*rapid.T) { m.crash(m.someProcess()) },
		"fail reads": func(*rapid.T) { p := m.someProcess(); p.failed = !p.failed },
		"sync":       func(*rapid.T) { p := m.someProcess(); p.cache, p.synced = m.cluster.copy(), m.now },
		"plan": func(*rapid.T) {
			if p := m.someProcess(); p.running {
				m.plan(p, rapid.Bool().Draw(m.T, "poll"))
			}
		},
		"write":         func(*rapid.T) { m.write(m.someProcess()) },
		"write report":  func(*rapid.T) { m.writeReport(m.someProcess()) },
		"steady":        m.steady,
		"delete list":   func(*rapid.T) { m.tamper(func() { m.kept.list, m.kept.plan = nil, "" }) },
		"delete report": func(*rapid.T) { m.tamperReport(nil) },
		"break report": func(*rapid.T) {
			m.tamperReport([]pinlist.Object{{Name: "pins-report", Data: map[string]string{v1alpha1.ReportKey: "{"}}})
		},
		"downgrade": func(*rapid.T) { m.downgrade() },
	}
	maps.Copy(actions, m.chartActions())
	return actions
}

// rollOut gives a release that runs the pods of its tag, or of the policy's.
func (m *model) rollOut(name string) {
	tags := m.cluster.tags(name)
	if len(tags) == 0 || m.cluster.releases[name].suspended {
		return
	}
	m.scaleDown(name)
	for _, tag := range tags {
		m.podsEver++
		m.pods[fmt.Sprint(m.podsEver)] = modelNeed{name, tag}
	}
	m.edit(name, func(r *modelRelease) { r.ready, r.deployed = true, tags[0] })
}

// flicker takes a release's pods away and gives it others.
func (m *model) flicker(*rapid.T) {
	name := m.someRelease()
	m.scaleDown(name)
	m.pass(time.Second)
	m.rollOut(name)
}

func (m *model) scaleDown(name string) {
	maps.DeleteFunc(m.pods, func(_ string, pod modelNeed) bool { return pod.release == name })
}

// steady is a time in which processes do what they are to do, if not always with what is
// new, and do not always get to write the report.
func (m *model) steady(*rapid.T) {
	syncs, polls := rapid.IntRange(0, 3).Draw(m.T, "syncs") > 0, rapid.IntRange(0, 3).Draw(m.T, "polls") > 0
	reports, renders := rapid.IntRange(0, 3).Draw(m.T, "reports") > 0, rapid.IntRange(0, 3).Draw(m.T, "renders") > 0
	for range rapid.IntRange(1, 6).Draw(m.T, "rounds") {
		for i := range m.processes {
			if p := &m.processes[i]; p.running {
				if syncs {
					p.cache, p.synced = m.cluster.copy(), m.now
				}
				m.plan(p, polls)
				m.write(p)
				if renders {
					m.renderCharts(p)
				}
				if reports {
					m.writeReport(p)
				}
			}
		}
		m.pass(10 * time.Second)
	}
}

// tamper is what somebody else does to the list.
func (m *model) tamper(change func()) {
	if m.version.list == 0 || m.tampered {
		return
	}
	change()
	m.tampered = true
	m.version.list++
}

// tamperReport is what somebody else does to the report.
func (m *model) tamperReport(instead []pinlist.Object) {
	if m.version.report > 0 {
		m.kept.report, m.reported = instead, 0
		m.version.report++
	}
}

// downgrade replaces the list and its report by what a version wrote that kept the report in
// the list's own objects.
func (m *model) downgrade() {
	if len(m.kept.list) == 0 || m.tampered {
		return
	}
	known := m.kept.load(nil)
	report := pin.NewReport()
	report.Pins, report.OwnersUnknown = known.Pins, known.OwnersUnknown
	text := strings.NewReplacer(`"ownersUnknown"`, `"forgotten"`, `"owner"`, `"release"`, "HelmRelease/", "").Replace(jsonOf(m, report))
	m.kept.writeList(m, report, m.kept.plan) // it leaves an annotation that it does not know
	delete(m.kept.list[0].Annotations, v1alpha1.ImagesChecksumAnnotation)
	m.kept.list[0].Data[v1alpha1.ReportKey] = text
	m.version.list++ // a report on it is still one: it has the same plan and the same pins
}

// often are the actions without which nothing else matters.
var often = []string{"create", "suspend", "resume", "ready", "roll out", "steady", "steady", "steady", "sync", "plan", "write", "write report", "start", "crash", "edit chart", "render", "break chart", "lose chart"}

func TestNoTagIsLost(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if before := checks.Value.String(); before == checks.DefValue {
		defer func() { _ = checks.Value.Set(before) }()
		_ = checks.Value.Set("10000") // what goes wrong goes wrong rarely
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		actions := m.actions()
		// What matters in a story is rarely everything at once.
		rare := rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(actions))), 2, 6, rapid.ID).Draw(t, "rare")
		names := rapid.SampledFrom(append(rare, slices.Concat(rare, often)...))
		for range rapid.IntRange(20, 100).Draw(t, "steps") {
			actions[names.Draw(t, "action")](t)
			m.clean()
		}
	})
}
