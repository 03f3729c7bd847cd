package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// emptyReader is an API server with nothing, which counts the lists of each namespace, and calls a
// function before each.
type emptyReader struct {
	lists  map[string]int
	before func(namespace string)
	// err is what reading returns.
	err error
}

func (r *emptyReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return r.err
}

func (r *emptyReader) List(_ context.Context, _ client.ObjectList, options ...client.ListOption) error {
	var all client.ListOptions
	all.ApplyOptions(options)
	if r.before != nil {
		r.before(all.Namespace)
	}
	if r.lists == nil {
		r.lists = map[string]int{}
	}
	r.lists[all.Namespace]++
	return r.err
}

// sleeping is a suspended release with a target namespace.
func sleeping(namespace, name, target string) pin.Release {
	return pin.Release{
		ID:       object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: namespace, Name: name}},
		Revision: "1", Suspended: true, TargetNamespace: target,
	}
}

// A release that is suspended while workloads are read of very many namespaces that a tenant has named
// does not wait for them.
func TestManyTargetNamespaces(t *testing.T) {
	live := &emptyReader{}
	ran := &ranImages{live: live, exists: exists}
	var releases []pin.Release
	for i := range 1000 {
		releases = append(releases, sleeping("evil", fmt.Sprint("r", i), fmt.Sprintf("a-%04d", i)))
	}
	attach := func() *pin.Snapshot {
		s := &pin.Snapshot{Releases: append([]pin.Release{}, releases...)}
		ran.attach(s)
		return s
	}
	attach()
	var b background
	isSuspended := false
	live.before = func(namespace string) {
		if namespace == "a-0010" && !isSuspended {
			isSuspended = true
			releases = append(releases, sleeping("calm", "web", "calm"))
			attach()
		}
		if namespace == "a-0012" && live.lists["calm"] == 0 {
			t.Error("the release of another namespace waits")
		}
	}
	b.start(t.Context(), newRequests(), ran.next, ran.read)
	for end := time.Now().Add(30 * time.Second); b.isBusy.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not end")
		}
	}
	if s := attach(); s.Releases[1000].WorkloadsUnread || live.lists["calm"] == 0 {
		t.Error("the release of another namespace was not read")
	}
}

// The workloads of a release are read again a minute after they were read first, ten minutes after
// that, and then every half an hour, not before.
func TestWorkloadsAreReadAgain(t *testing.T) {
	live := &emptyReader{}
	ran := &ranImages{live: live, exists: exists}
	release := sleeping("calm", "web", "calm")
	attach := func() { ran.attach(&pin.Snapshot{Releases: []pin.Release{release}}) }
	attach()
	ran.read(t.Context(), "calm")
	for i, after := range []time.Duration{time.Minute, 10 * time.Minute, 30 * time.Minute, 30 * time.Minute} {
		if next := ran.next(); len(next) > 0 {
			t.Errorf("%v are due at once", next)
		}
		ran.due["calm"] = []*pin.Release{&release} // in a pass that was made while they were read
		ran.read(t.Context(), "calm")
		known := ran.known.Peek(release.ID)
		for _, age := range []struct {
			since time.Duration
			isDue bool
		}{{after - time.Second, false}, {after, true}} {
			known.at = time.Now().Add(-age.since)
			attach()
			if next := ran.next(); (len(next) == 1) != age.isDue {
				t.Fatalf("read %d times, the last time %s ago: %v are due", i+1, age.since, next)
			}
		}
		ran.read(t.Context(), "calm")
	}
}

// Workloads that take too long to be read are a problem of their releases: the list is incomplete for some minutes of
// an hour, unless they were read to the end before, and what is known of what they ran stays.
func TestWorkloadsTakeTooLong(t *testing.T) {
	live := &emptyReader{}
	shares, now := newShares(), time.Now()
	shares.clock = func() time.Time { return now }
	ran := &ranImages{live: live, exists: exists, shares: shares}
	slow, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	release := sleeping("evil", "web", "huge")
	expect := func(when string, isUnread, isIncomplete bool) {
		t.Helper()
		s := &pin.Snapshot{Releases: []pin.Release{release}}
		shares.begin(nil)
		ran.attach(s)
		shares.count()
		if r := &s.Releases[0]; !s.Complete() || r.WorkloadsUnread != isUnread || shares.isIncomplete() != isIncomplete {
			t.Errorf("%s: unread is %t, want %t; incomplete is %t, want %t; %v", when, r.WorkloadsUnread, isUnread, shares.isIncomplete(), isIncomplete, s.FailedReads)
		}
		if why := s.Releases[0].RanUnknown; (why != "") != (live.err != nil) {
			t.Errorf("%s: what it ran is unknown: %q", when, why)
		}
	}
	attach := func() { ran.attach(&pin.Snapshot{Releases: []pin.Release{release}}) }
	attach()
	live.err = context.DeadlineExceeded
	ran.read(slow, "huge")
	expect("never read", true, true)
	if len(ran.next()) > 0 {
		t.Error("it is read again at once")
	}
	for passed := time.Duration(0); passed <= budget.MaxWait; passed += readRetry {
		attach()
		shares.count()
		now = now.Add(readRetry)
		shares.begin(nil)
	}
	expect("for long", true, false)
	ran.known.Peek(release.ID).at = time.Now().Add(-unreadRetry)
	attach()
	live.err = nil
	ran.read(t.Context(), "huge")
	expect("read", false, false)
	images := &pin.WorkloadImages{Images: []image.Reference{{Tag: "v1"}}}
	ran.known.Peek(release.ID).images = images
	ran.known.Peek(release.ID).at = time.Now().Add(-time.Hour)
	attach()
	live.err = context.DeadlineExceeded
	ran.read(slow, "huge")
	if expect("read before", false, false); ran.known.Peek(release.ID).images != images {
		t.Error("what was read before is lost")
	}
	release.Revision = "2"
	attach()
	ran.read(slow, "huge")
	if time.Since(ran.known.Peek(release.ID).at) >= slowRetry || unreadRetry <= slowRetry {
		t.Error("it is not tried again soon")
	}
	now = now.Add(2 * time.Hour)
	if expect("changed since", true, true); ran.known.Peek(release.ID).images != images {
		t.Error("what was read before is lost")
	}
}

// What takes too long again finds more, or less: all of it counts.
func TestWorkloadsTakeTooLongTwice(t *testing.T) {
	known, slow := &ranKnown{}, unreadWorkloads{tooMuch: "slow", isSlow: true}
	for step, tags := range []string{"", "v1", "v2", ""} {
		var refs []image.Reference
		if tags != "" {
			refs = append(refs, image.Reference{Tag: tags})
		}
		before := known.images
		*known = known.after(ranKnown{revision: "1", namespace: "a", at: time.Now(), unread: slow, images: &pin.WorkloadImages{Images: refs}})
		if want := min(step, 2); len(known.images.Images) != want || step == 3 && known.images != before {
			t.Errorf("step %d: got %v", step, known.images.Images)
		}
	}
}

// Pods that cannot be read prove nothing; only that they may not be read is for whoever has installed pinsync.
func TestPodsAreNotRead(t *testing.T) {
	live := &emptyReader{}
	p := &pods{live: live, interval: time.Hour}
	for _, test := range []struct {
		err          error
		failed, said int
	}{
		{errors.New("timeout"), 0, 1},
		{apierrors.NewForbidden(corev1.Resource("pods"), "", nil), 1, 0},
		{nil, 0, 0},
	} {
		live.err = test.err
		p.attach(&pin.Snapshot{}, []string{"huge"})
		p.read(t.Context(), "huge")
		s := &pin.Snapshot{}
		if p.attach(s, []string{"huge"}); len(s.FailedReads) != test.failed || len(s.Notes) != test.said {
			t.Errorf("%v: failed are %v, said is %v", test.err, s.FailedReads, s.Notes)
		}
	}
}

// Nor do they if the workloads that connect them with releases take too long to be read.
func TestPodsWithoutWorkloads(t *testing.T) {
	live := &emptyReader{}
	slow, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	live.before = func(string) {
		if live.lists["huge"] > 0 { // after the pods
			live.err = context.DeadlineExceeded
		}
	}
	p := &pods{live: live, interval: time.Hour}
	if _, _, err := p.readNamespace(slow, "huge"); err == nil || !strings.Contains(err.Error(), "takes longer than") {
		t.Errorf("got %v", err)
	}
}

// What was never read comes before what is read again, but neither a tenant whose releases always are to be read, nor one
// whose namespace cannot be read, keeps the others waiting.
func TestWorkloadsAreReadInTurns(t *testing.T) {
	live := &emptyReader{}
	ran := &ranImages{live: live, exists: exists}
	calm, fresh := sleeping("calm", "web", "calm"), sleeping("shop", "web", "shop")
	ran.attach(&pin.Snapshot{Releases: []pin.Release{calm}})
	ran.read(t.Context(), "calm")
	known := ran.known.Peek(calm.ID)
	known.at, known.rereads = time.Now().Add(-time.Hour), 2
	clear(ran.readFor) // some minutes have passed, in which nothing was due
	clear(ran.attempts)
	expect := func(want ...string) {
		t.Helper()
		ran.attach(&pin.Snapshot{Releases: []pin.Release{calm, fresh}})
		if next := ran.next(); !slices.Equal(next, want) {
			t.Errorf("%v are read, want %v", next, want)
		}
	}
	expect("shop", "calm")
	ran.read(t.Context(), "shop")
	fresh.Revision = "2" // it has changed meanwhile
	expect("calm", "shop")
	clear(ran.readFor)
	live.err = errors.New("timeout")
	ran.read(t.Context(), "shop")
	ran.attempts["shop"] = time.Now().Add(-time.Hour)
	expect("calm", "shop")
	live.err = nil
	ran.read(t.Context(), "calm")
	expect("shop")
}

// For whom a namespace is read is the one whose turn is the earliest, whoever else has releases that are installed there.
func TestTurnsAreThoseOfTheReleases(t *testing.T) {
	ran := &ranImages{live: &emptyReader{}, exists: exists}
	evil, own, other := sleeping("evil", "web", "shop"), sleeping("shop", "web", "shop"), sleeping("calm", "web", "calm")
	ran.attach(&pin.Snapshot{})
	ran.readFor[readTurn{"evil", false}], ran.readFor[readTurn{"calm", false}] = time.Now(), time.Now().Add(-time.Second)
	ran.attach(&pin.Snapshot{Releases: []pin.Release{evil, own, other}})
	if next := ran.next(); !slices.Equal(next, []string{"shop", "calm"}) {
		t.Errorf("%v are read", next)
	}
	before := ran.readFor[readTurn{"evil", false}]
	ran.take("shop", ran.due["shop"], time.Now().Add(-30*time.Second), namespaceWorkloads{}, unreadWorkloads{}, nil)
	if now := ran.readFor[readTurn{"evil", false}]; now != before {
		t.Error("a tenant is charged for what was read for another")
	}
	if left := time.Until(ran.readFor[readTurn{"shop", false}]); left < time.Minute {
		t.Errorf("a tenant for whom reading took 30 s has the next turn in %s", left)
	}
}

// What was read for others of a namespace does not keep a release that nobody wants to know of any more.
func TestWorkloadsAreForgotten(t *testing.T) {
	ran := &ranImages{live: &emptyReader{}, exists: exists}
	gone, left := sleeping("calm", "gone", "calm"), sleeping("calm", "left", "calm")
	ran.attach(&pin.Snapshot{Releases: []pin.Release{gone, left}})
	ran.read(t.Context(), "calm")
	for i := range 3 {
		left.Revision = fmt.Sprint("changed ", i)
		ran.attach(&pin.Snapshot{Releases: []pin.Release{left}})
		ran.read(t.Context(), "calm")
	}
	if ran.known.Peek(gone.ID) != nil {
		t.Error("a release is known that is not there any more")
	}
}

// Of a namespace that is only read in part it counts, too, how often that was done.
func TestReadInPartCounts(t *testing.T) {
	at := time.Now()
	unread := unreadWorkloads{forbidden: "forbidden"}
	before := &ranKnown{revision: "1", unread: unread, at: at.Add(-unreadRetry), rereads: 1}
	if again := before.after(ranKnown{revision: "1", unread: unread, at: at}); again.rereads != 2 {
		t.Errorf("it was read again %d times", again.rereads)
	}
	if changed := before.after(ranKnown{revision: "2", at: at}); changed.rereads != 0 {
		t.Errorf("after a change it was read again %d times", changed.rereads)
	}
}
