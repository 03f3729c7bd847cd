package pin

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
)

// The promise, against a model of the world: whatever happens to releases, policies,
// pods, the list, and the processes that keep it, no cleaner that scans the pods and
// reads the list, in any order and at any two moments no further apart than the grace,
// deletes a tag that a release needs whose sleep was observed, before it was live for
// the grace.

// modelGrace is the grace in the model, in which everything happens in seconds.
const modelGrace = time.Minute

// modelRelease is a release as it is in the cluster, with the pods of its own
// namespace.
type modelRelease struct {
	suspended, disabled, ready, unreadable bool
	tag                                    string
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

// tags are what a release refers to: its own tag, and what the policy has resolved.
func (c *modelCluster) tags(name string) []string {
	r, exists := c.releases[name]
	if !exists || r.disabled {
		return nil
	}
	tags := []string{r.tag}
	if c.policy != "" {
		tags = append(tags, c.policy)
	}
	return tags
}

// modelNeed is a release and a tag.
type modelNeed struct{ release, tag string }

// modelDebt is what is owed to a release that was seen asleep: its tag stays until
// there was no moment in a whole grace at which it had to.
type modelDebt struct {
	// isAsleep and isUp are what was seen of it last.
	isAsleep, isUp bool
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
	clock  time.Duration
	looked time.Time
	vigil  Vigil
	pods   Sightings
	known  Memory
	// knows is the version of the list that is known.
	knows int
	cache modelCluster
	// synced is when the cache was as the cluster.
	synced time.Time
	failed bool

	// blind says that it found no list and does not know the last one: then it cannot
	// know which releases were on their way up.
	blind   bool
	planner *Planner
	// planned is a report that is not written yet, made from a version of the list.
	planned *v1alpha1.PinReport
	from    int
	seen    modelCluster
}

type model struct {
	*rapid.T
	options Options
	now     time.Time
	cluster modelCluster
	// pods are the running ones: of which release, with which tag.
	pods     map[string]modelNeed
	podsEver int

	list    []Part
	version int
	// tampered says that somebody else has written the list, so that its checksum
	// does not fit.
	tampered bool

	processes [2]modelProcess
	debts     map[modelNeed]*modelDebt
	// unseen is, for every tag, the last moment at which no pod carried it.
	unseen map[string]time.Time
}

func newModel(t *rapid.T) *model {
	m := &model{
		T: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		options: Options{Grace: modelGrace, ReadyIsProof: rapid.IntRange(0, 3).Draw(t, "proof") == 0},
		cluster: modelCluster{releases: map[string]modelRelease{}},
		pods:    map[string]modelNeed{},
		debts:   map[modelNeed]*modelDebt{},
		unseen:  map[string]time.Time{},
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
		change(&r)
		m.cluster.releases[name] = r
	}
}

// isLive says whether a release runs with a tag, or does without it.
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

// sleeps says whether a release needs a tag in its sleep.
func (m *model) sleeps(n modelNeed) bool {
	r := m.cluster.releases[n.release]
	return r.suspended && !r.unreadable && slices.Contains(m.cluster.tags(n.release), n.tag)
}

// isSafe says whether a debt is not due at this moment.
func (m *model) isSafe(n modelNeed, d *modelDebt) bool {
	switch {
	case d.isAsleep:
		return false
	case d.isUp && !m.options.ReadyIsProof:
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

// forgive forgives the debts that were not due for a grace, unless the release sleeps
// again and nobody has seen it yet.
func (m *model) forgive() {
	for n, debt := range m.debts {
		if !m.isLive(n) {
			debt.notLive = m.now
		}
		switch {
		case !m.isSafe(n, debt):
			debt.unsafe = m.now
		case m.now.Sub(debt.unsafe) >= modelGrace && !m.sleeps(n):
			delete(m.debts, n)
		}
	}
}

// clean does what the worst of all cleaners does, which looks whenever it should not:
// it deletes a tag that no pod carried at one moment and that was not listed at another.
// One that refuses to read a list that others have tampered with.
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
		if len(m.list) > 0 && !m.tampered && !listed[n.tag] {
			debt.missed = m.now
		}
		if !debt.missed.IsZero() && debt.missed.Sub(m.unseen[n.tag]).Abs() <= modelGrace {
			m.Fatalf("%s: a cleaner that has scanned the pods at %s and read the list at %s deletes %s, which %s needs (%+v); the list says\n%s",
				m.now.Format(time.TimeOnly), m.unseen[n.tag].Format(time.TimeOnly), debt.missed.Format(time.TimeOnly), n.tag, n.release, debt, m.list)
		}
	}
}

// observe notes what a process had seen that has written the list now, or found it
// right.
func (m *model) observe(seen *modelCluster, at time.Time) {
	for name, r := range seen.releases {
		for _, tag := range seen.tags(name) {
			n := modelNeed{name, tag}
			if r.suspended && m.debts[n] == nil && !r.unreadable {
				m.debts[n] = &modelDebt{notLive: m.now}
			}
		}
	}
	for n, debt := range m.debts {
		r := seen.releases[n.release]
		refers := slices.Contains(seen.tags(n.release), n.tag)
		debt.isAsleep, debt.isUp = refers && r.suspended, refers && !r.suspended
		if at.Before(debt.unsafe) {
			debt.unsafe = at
		}
		switch {
		case debt.isAsleep, debt.isUp && !r.ready, !m.isSafe(n, debt):
			debt.unsafe = m.now
		case debt.isUp && !m.options.ReadyIsProof && debt.notLive.After(debt.unsafe):
			debt.unsafe = debt.notLive
		}
	}
}

// plan makes a process look at the cluster and make a list.
func (m *model) plan(p *modelProcess, poll bool) {
	if p.knows != m.version || m.version == 0 {
		read := Recall(m.list)
		if p.knows != 0 {
			read = p.known.Reread(read, !m.tampered)
			p.vigil.Break()
		}
		p.blind = p.knows < m.version-1 && len(m.list) == 0
		p.known, p.knows = read, m.version
	}
	if m.now.Sub(p.synced) > modelGrace/2 {
		p.cache, p.synced = m.cluster.copy(), m.now
	}
	elapsed := m.now.Sub(p.looked)
	p.looked = m.now
	taken := m.now.Add(p.clock)
	s := &Snapshot{Memory: p.known, Taken: taken, Since: p.vigil.Look(taken, elapsed), Confirmed: map[string]bool{}}
	questions := Ask(s.Memory, s.Taken, s.Since, m.options)
	s.Everyone = questions.Everyone
	seen := p.cache.copy()
	if questions.MayLetGo {
		seen.policy = m.cluster.policy
	}
	if questions.ConfirmAll {
		seen = m.cluster.copy()
	}
	for _, confirmed := range questions.ToConfirm {
		name := strings.TrimPrefix(confirmed, "ns-")
		name = name[:1]
		delete(seen.releases, name)
		if r, exists := m.cluster.releases[name]; exists {
			seen.releases[name] = r
		}
		s.Confirmed[confirmed] = true
	}
	for name, r := range seen.releases {
		s.Releases = append(s.Releases, modelSnapshot(name, r, r.suspended && !r.disabled || questions.Wants(modelName(name))))
	}
	s.Repositories = []Repository{{Name{"flux", "app"}, "g.io/o/app"}}
	if seen.policy != "" {
		s.Policies = []Policy{{Name: Name{"flux", "app"}, Repository: Name{"flux", "app"}, LatestImage: "g.io/o/app", LatestTag: seen.policy}}
	}
	m.look(p, questions.Namespaces(s.Releases), taken, poll)
	s.Pods = p.pods.Views(questions.Namespaces(s.Releases))
	if p.failed {
		s.Unanswered = []v1alpha1.Problem{{Reason: v1alpha1.ReasonUnanswered}}
		p.vigil.Break()
	}
	p.planned, p.from, p.seen = p.planFrom(s, m.options), m.version, seen
}

// planFrom plans with the planner that the process has had since it was started.
func (p *modelProcess) planFrom(s *Snapshot, o Options) *v1alpha1.PinReport {
	if p.planner == nil {
		p.planner = NewPlanner(o)
	}
	return p.planner.Plan(s)
}

func modelName(name string) Name { return Name{"ns-" + name, name} }

func modelSnapshot(name string, r modelRelease, looked bool) Release {
	release := sleeping(name, "g.io/o/app:"+r.tag)
	release.Name, release.TargetNamespace = modelName(name), "ns-"+name
	release.Suspended, release.Ready = r.suspended, r.ready
	if r.disabled {
		off := v1alpha1.SyncDisabled
		release.Sync = &off
	}
	switch {
	case !looked:
		release.Found = nil
	case r.unreadable:
		release.Found = &Found{Unknown: true}
	}
	return release
}

// look looks at the pods of namespaces: all of them, or only those that were never
// seen.
func (m *model) look(p *modelProcess, namespaces []string, taken time.Time, poll bool) {
	seen := p.pods.Views(namespaces)
	for _, namespace := range namespaces {
		if _, known := seen[namespace]; known && !poll {
			continue
		}
		var pods []Pod
		for uid, pod := range m.pods {
			if "ns-"+pod.release == namespace {
				pods = append(pods, Pod{UID: uid, Images: []image.Reference{{Repository: image.Repository{Host: "g.io", Path: "o/app"}, Tag: pod.tag}}})
			}
		}
		p.pods.Saw(namespace, taken, pods)
	}
}

// write writes what a process has planned, if nobody else wrote meanwhile.
func (m *model) write(p *modelProcess) {
	if p.planned == nil || p.from != m.version {
		p.planned = nil
		return
	}
	text, err := JSON(p.planned)
	if err != nil {
		m.Fatal(err)
	}
	if object := (Part{Lines: Lines(p.planned), Images: Images(p.planned), Report: text}); len(m.list) != 1 || m.list[0] != object {
		m.list, m.tampered = []Part{object}, false
		m.version++
	}
	p.known, p.knows = MemoryOf(p.planned), m.version
	if p.blind {
		p.blind = false
		clear(m.debts)
	}
	m.observe(&p.seen, p.looked)
	p.planned = nil
}

// die ends a process, at whatever point it is.
func (p *modelProcess) die() {
	*p = modelProcess{clock: p.clock}
}

// tags are the tags of the list.
func (m *model) tags() map[string]bool {
	tags := map[string]bool{}
	for _, object := range m.list {
		for line := range strings.Lines(object.Lines) {
			tags[strings.TrimSuffix(strings.TrimPrefix(line, "container/app=="), "\n")] = true
		}
	}
	return tags
}

// actions are what may happen.
func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"create": func(*rapid.T) {
			if name := m.someRelease(); m.cluster.releases[name] == (modelRelease{}) {
				m.cluster.releases[name] = modelRelease{tag: m.someTag(), suspended: rapid.Bool().Draw(m.T, "suspended")}
			}
		},
		"delete":  func(*rapid.T) { delete(m.cluster.releases, m.someRelease()) },
		"suspend": func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.suspended = true }) },
		"resume":  func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.suspended, r.ready = false, false }) },
		"ready":   func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.ready = !r.suspended }) },
		"fail":    func(*rapid.T) { m.edit(m.someRelease(), func(r *modelRelease) { r.ready = false }) },
		"edit": func(*rapid.T) {
			m.edit(m.someRelease(), func(r *modelRelease) { r.tag, r.ready = m.someTag(), false })
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
		"fail reads": func(*rapid.T) { p := m.someProcess(); p.failed = !p.failed },
		"sync":       func(*rapid.T) { p := m.someProcess(); p.cache, p.synced = m.cluster.copy(), m.now },
		"plan": func(*rapid.T) {
			if p := m.someProcess(); p.running {
				m.plan(p, rapid.Bool().Draw(m.T, "poll"))
			}
		},
		"write":       func(*rapid.T) { m.write(m.someProcess()) },
		"calm":        m.calm,
		"delete list": func(*rapid.T) { m.loseList(nil) },
		"break report": func(*rapid.T) {
			if len(m.list) > 0 {
				m.loseList([]Part{{Lines: m.list[0].Lines, Report: "{"}})
			}
		},
	}
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
	m.edit(name, func(r *modelRelease) { r.ready = true })
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

// calm is a time in which processes do what they are to do, if not always with what is
// new.
func (m *model) calm(*rapid.T) {
	syncs, polls := rapid.IntRange(0, 3).Draw(m.T, "syncs") > 0, rapid.IntRange(0, 3).Draw(m.T, "polls") > 0
	for range rapid.IntRange(1, 6).Draw(m.T, "rounds") {
		for i := range m.processes {
			if p := &m.processes[i]; p.running {
				if syncs {
					p.cache, p.synced = m.cluster.copy(), m.now
				}
				m.plan(p, polls)
				m.write(p)
			}
		}
		m.pass(10 * time.Second)
	}
}

// loseList is what somebody else does to the list.
func (m *model) loseList(instead []Part) {
	if m.version == 0 || m.tampered {
		return
	}
	m.list, m.tampered = instead, true
	m.version++
}

// often are the actions without which nothing else matters.
var often = []string{"create", "suspend", "resume", "ready", "roll out", "calm", "calm", "calm", "sync", "plan", "write", "start"}

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
