package informers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// age makes everything that was observed older, by more than the outage tolerance.
func (h *Health) age() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range []*time.Time{&h.opened, &h.broken, &h.evidence.shown} {
		if !t.IsZero() {
			*t = t.Add(-2 * OutageTolerance)
		}
	}
}

// observed is the health of watches that a test feeds.
func observed(t *testing.T) (h *Health, open func() (*watch.FakeWatcher, <-chan watch.Event)) {
	t.Helper()
	h = newHealth("test", 0)
	var fed *watch.FakeWatcher
	lw := h.observe(t.Context(), &toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return nil, errors.New("no list")
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			fed = watch.NewFakeWithOptions(watch.FakeOptions{})
			return fed, nil
		},
	}, keepVersion)
	return h, func() (*watch.FakeWatcher, <-chan watch.Event) {
		w, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{})
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

func TestHealthRecovers(t *testing.T) {
	h, open := observed(t)
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
	h, open := observed(t)
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

// All objects are read as they are, not as a watch cache of the API server has them, page by page, and
// the watch goes on from there.
func TestHealthReadsConsistently(t *testing.T) {
	var got []metav1.ListOptions
	lw := newHealth("test", 0).observe(t.Context(), &toolscache.ListWatch{
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			got = append(got, options)
			page := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: "5", Continue: "next"}}
			page.Items = []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}}
			if options.Continue != "" {
				page.Continue, page.Items[0].Name = "", "b"
			}
			return page, nil
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			got = append(got, options)
			return watch.NewFake(), nil
		},
	}, keepVersion)
	list, err := lw.ListWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "0", Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	objects, err := apimeta.ExtractListWithAlloc(list)
	for _, o := range objects {
		names = append(names, o.(*metav1.PartialObjectMetadata).Name) //nolint:forcetypeassert // a panic fails the test
	}
	meta, _ := apimeta.ListAccessor(list)
	if err != nil || !slices.Equal(names, []string{"a", "b"}) || meta.GetResourceVersion() != "5" || meta.GetContinue() != "" {
		t.Errorf("got %v of version %q, %v", names, meta.GetResourceVersion(), err)
	}
	w, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "5"})
	if err != nil {
		t.Fatal(err)
	}
	w.Stop()
	want := []metav1.ListOptions{{Limit: maxPage}, {Limit: maxPage, Continue: "next"}, {ResourceVersion: "5"}}
	if !slices.EqualFunc(got, want, func(a, b metav1.ListOptions) bool { return a.String() == b.String() }) {
		t.Errorf("got %v", got)
	}
}

// A request that the API server does not answer is made again, and its error is one where it does; until
// the informer ends.
func TestRequestsAreMadeAgain(t *testing.T) {
	refused, forbidden := errors.New("connection refused"), apierrors.NewForbidden(metav1.SchemeGroupVersion.WithResource("tests").GroupResource(), "", nil)
	answers := []error{refused, apierrors.NewServiceUnavailable("starting"), forbidden}
	requests := 0
	h := newHealth("test", 0)
	ctx, cancel := context.WithCancel(t.Context())
	lw := h.observe(ctx, &toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			requests++
			return nil, answers[min(requests, len(answers))-1]
		},
	}, keepVersion)
	if _, err := lw.ListWithContext(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) || requests != len(answers) {
		t.Errorf("got %v after %d requests", err, requests)
	}
	if !h.IsInterrupted() {
		t.Error("the failures are not known")
	}
	answers = []error{refused}
	cancel()
	if _, err := lw.ListWithContext(t.Context(), metav1.ListOptions{}); !errors.Is(err, refused) {
		t.Errorf("got %v after the end", err)
	}
}

// A watch that was silent is not opened again where it has ended: what it should have sent may be
// missing. All objects are read first.
func TestHealthAfterSilence(t *testing.T) {
	h := newHealth("test", 0)
	lw := h.observe(t.Context(), &toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return &metav1.PartialObjectMetadataList{}, nil
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return watch.NewFake(), nil },
	}, keepVersion)
	open := func() error {
		w, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "5"})
		if err == nil {
			t.Cleanup(w.Stop)
		}
		return err
	}
	read := func() {
		t.Helper()
		if _, err := lw.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := open(); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if err := open(); err != nil {
		t.Error(err)
	}
	h.evidence.shown = h.evidence.shown.Add(-SilenceTolerance)
	if err := open(); !apierrors.IsResourceExpired(err) {
		t.Errorf("got %v", err)
	}
	read()
	h.evidence.shown = h.evidence.shown.Add(-2 * SilenceTolerance)
	if err := h.Failure(); err == nil || !h.IsInterrupted() {
		t.Error("a silent watch counts as current")
	}
	read()
	if err := h.Failure(); err != nil || h.IsInterrupted() {
		t.Errorf("got %v", err)
	}
}
