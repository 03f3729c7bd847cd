package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// later makes what a stream knows older than it is, by more than it has to be calm.
func (s *stream) later() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range []*time.Time{&s.opened, &s.broken} {
		if !t.IsZero() {
			*t = t.Add(-2 * calm)
		}
	}
}

// followed is a stream of watches that a test feeds.
func followed(t *testing.T, initialEvents bool) (s *stream, open func() (*watch.FakeWatcher, <-chan watch.Event)) {
	t.Helper()
	s = &stream{kind: "test"}
	var fed *watch.FakeWatcher
	lw := s.follow(&toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return nil, errors.New("no list")
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			fed = watch.NewFakeWithOptions(watch.FakeOptions{})
			return fed, nil
		},
	})
	return s, func() (*watch.FakeWatcher, <-chan watch.Event) {
		w, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{SendInitialEvents: &initialEvents})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
		return fed, w.ResultChan()
	}
}

func object(annotations map[string]string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: annotations}}
}

// settles waits for what a stream comes to after an event was passed on.
func settles(t *testing.T, s *stream, isBroken bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); s.isInDoubt() != isBroken; {
		if time.Now().After(end) {
			t.Fatalf("in doubt: %t, want %t", s.isInDoubt(), isBroken)
		}
		time.Sleep(time.Millisecond)
	}
}

// A watch that tells all that there is before it tells of changes does not make the cache
// current until it has: only then is the cache replaced.
func TestStreamIsBrokenUntilAllIsTold(t *testing.T) {
	s, open := followed(t, true)
	s.fail(t.Context(), nil, nil)
	feed, events := open()
	go feed.Add(object(nil))
	<-events
	go feed.Action(watch.Bookmark, object(nil))
	<-events
	s.later()
	if s.failure() == nil {
		t.Error("it counts as current before all was told")
	}
	go feed.Action(watch.Bookmark, object(map[string]string{metav1.InitialEventsAnnotationKey: "true"}))
	<-events
	settles(t, s, false)
	if err := s.failure(); err != nil {
		t.Error(err)
	}
}

func TestStreamRecovers(t *testing.T) {
	s, open := followed(t, false)
	forbidden := apierrors.NewForbidden(metav1.SchemeGroupVersion.WithResource("tests").GroupResource(), "", errors.New("for a test"))
	s.fail(t.Context(), nil, forbidden)
	if err := s.failure(); err != nil {
		t.Errorf("at once it fails: %v", err)
	}
	s.later()
	if err := s.failure(); !errors.Is(err, forbidden) {
		t.Errorf("got %v", err)
	}
	feed, events := open()
	if err := s.failure(); err == nil {
		t.Error("a watch that was just opened proves nothing after a failure")
	}
	go feed.Add(object(nil))
	<-events
	settles(t, s, false)

	go feed.Error(&metav1.Status{Reason: metav1.StatusReasonInternalError})
	<-events
	settles(t, s, true)
	open()
	s.later() // it has run for that long, and nothing happened
	if err := s.failure(); err != nil {
		t.Error(err)
	}
}

// A watch that ends without a failure and is opened again is no news, and the end of an
// old one says nothing about the new one.
func TestStreamIsReopened(t *testing.T) {
	s, open := followed(t, false)
	first, _ := open()
	first.Stop()
	settles(t, s, true)
	s.later()
	if s.failure() == nil {
		t.Error("it has ended, and counts as current")
	}
	open()
	settles(t, s, false)
	s.fail(t.Context(), first, nil)
	if s.isInDoubt() {
		t.Error("the end of the old watch counts for the new one")
	}
}
