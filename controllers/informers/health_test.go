package informers

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

// age makes everything that was observed older, by more than the outage tolerance.
func (h *Health) age() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range []*time.Time{&h.opened, &h.broken} {
		if !t.IsZero() {
			*t = t.Add(-2 * OutageTolerance)
		}
	}
}

// observed is the health of watches that a test feeds.
func observed(t *testing.T, initialEvents bool) (h *Health, open func() (*watch.FakeWatcher, <-chan watch.Event)) {
	t.Helper()
	h = &Health{kind: "test"}
	var fed *watch.FakeWatcher
	lw := h.observe(&toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return nil, errors.New("no list")
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			fed = watch.NewFakeWithOptions(watch.FakeOptions{})
			return fed, nil
		},
	})
	return h, func() (*watch.FakeWatcher, <-chan watch.Event) {
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

// settles waits until an event that was passed on has its effect.
func settles(t *testing.T, h *Health, interrupted bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); h.IsInterrupted() != interrupted; {
		if time.Now().After(end) {
			t.Fatalf("interrupted: %t, want %t", h.IsInterrupted(), interrupted)
		}
		time.Sleep(time.Millisecond)
	}
}

// A watch that sends the initial objects first does not make the cache current until it has
// sent all of them: only then is the cache replaced.
func TestHealthDuringInitialEvents(t *testing.T) {
	h, open := observed(t, true)
	h.fail(t.Context(), nil, nil)
	feed, events := open()
	go feed.Add(object(nil))
	<-events
	go feed.Action(watch.Bookmark, object(nil))
	<-events
	h.age()
	if h.Failure() == nil {
		t.Error("it counts as current before all initial objects were sent")
	}
	go feed.Action(watch.Bookmark, object(map[string]string{metav1.InitialEventsAnnotationKey: "true"}))
	<-events
	settles(t, h, false)
	if err := h.Failure(); err != nil {
		t.Error(err)
	}
}

func TestHealthRecovers(t *testing.T) {
	h, open := observed(t, false)
	forbidden := apierrors.NewForbidden(metav1.SchemeGroupVersion.WithResource("tests").GroupResource(), "", errors.New("for a test"))
	h.fail(t.Context(), nil, forbidden)
	if err := h.Failure(); err != nil {
		t.Errorf("it counts as out of date at once: %v", err)
	}
	h.age()
	if err := h.Failure(); !errors.Is(err, forbidden) {
		t.Errorf("got %v", err)
	}
	feed, events := open()
	if err := h.Failure(); err == nil {
		t.Error("a watch that was just opened proves nothing after a failure")
	}
	go feed.Add(object(nil))
	<-events
	settles(t, h, false)

	go feed.Error(&metav1.Status{Reason: metav1.StatusReasonInternalError})
	<-events
	settles(t, h, true)
	open()
	h.age() // it has run for that long without an event
	if err := h.Failure(); err != nil {
		t.Error(err)
	}
}

// A watch that ends without an error and is opened again is no failure, and the end of an
// earlier watch means nothing for the new one.
func TestHealthIsReopened(t *testing.T) {
	h, open := observed(t, false)
	first, _ := open()
	first.Stop()
	settles(t, h, true)
	h.age()
	if h.Failure() == nil {
		t.Error("it has ended, and counts as current")
	}
	open()
	settles(t, h, false)
	h.fail(t.Context(), first, nil)
	if h.IsInterrupted() {
		t.Error("the end of the old watch counts for the new one")
	}
}
