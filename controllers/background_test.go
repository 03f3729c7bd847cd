package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

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
		ran.read(t.Context(), "calm") // a pass that had begun before
		known, _ := ran.known.Peek(release.ID)
		for _, age := range []struct {
			since time.Duration
			isDue bool
		}{{after - time.Second, false}, {after, true}} {
			known.at = time.Now().Add(-age.since)
			ran.known.Put(release.ID, known)
			attach()
			if next := ran.next(); (len(next) == 1) != age.isDue {
				t.Fatalf("read %d times, the last time %s ago: %v are due", i+1, age.since, next)
			}
		}
		ran.read(t.Context(), "calm")
	}
	known, _ := ran.known.Peek(release.ID)
	known.at = time.Now().Add(-time.Hour)
	ran.known.Put(release.ID, known)
	attach()
	live.err = errors.New("timeout")
	ran.read(t.Context(), "calm")
	s := &pin.Snapshot{Releases: []pin.Release{release}}
	if ran.attach(s); len(s.FailedReads)+len(ran.next()) > 0 || s.Releases[0].WorkloadsUnread {
		t.Errorf("what was read several times is tried again at once: %v, %v", ran.next(), s.FailedReads)
	}
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0].Message, "timeout") {
		t.Errorf("that it could not be read again is not said: %+v", s.Notes)
	}
}

// What is read again waits for what was never read, unless that could not be read.
func TestUnreadWorkloadsComeFirst(t *testing.T) {
	live := &emptyReader{}
	ran := &ranImages{live: live, exists: exists}
	calm, fresh := sleeping("calm", "web", "calm"), sleeping("shop", "web", "shop")
	ran.attach(&pin.Snapshot{Releases: []pin.Release{calm}})
	ran.read(t.Context(), "calm")
	known, _ := ran.known.Peek(calm.ID)
	known.at, known.rereads = time.Now().Add(-time.Hour), 2
	ran.known.Put(calm.ID, known)
	clear(ran.readFor) // some minutes have passed, in which nothing was due
	clear(ran.attempts)
	attach := func() { ran.attach(&pin.Snapshot{Releases: []pin.Release{calm, fresh}}) }
	attach()
	if next := ran.next(); !slices.Equal(next, []string{"shop", "calm"}) {
		t.Errorf("%v are read", next)
	}
	live.err = errors.New("timeout")
	ran.read(t.Context(), "shop")
	ran.attempts["shop"] = time.Now().Add(-time.Hour)
	attach()
	if next := ran.next(); !slices.Equal(next, []string{"calm", "shop"}) {
		t.Errorf("after a failure %v are read", next)
	}
}
