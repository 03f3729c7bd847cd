package informers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// forwarder passes the events of one watch on to a reflector, and ends the watch where it has to
// be opened again: the reflector opens another.
type forwarder struct {
	*Health

	watch  watch.Interface
	lister toolscache.ListerWatcherWithContext
	events chan<- watch.Event
	stop   <-chan struct{}
	// timer fires when the watch is to be checked.
	timer *time.Timer
}

// forward passes a watch's events on, until it ends.
func (h *Health) forward(ctx context.Context, w watch.Interface, lister toolscache.ListerWatcherWithContext) watch.Interface {
	events := make(chan watch.Event)
	proxy := watch.NewProxyWatcher(events)
	f := &forwarder{
		Health: h, watch: w, lister: lister, events: events, stop: proxy.StopChan(),
		timer: time.NewTimer(0),
	}
	go func() {
		defer close(events)
		defer w.Stop()
		f.run(ctx)
	}()
	return proxy
}

// run passes events on until the watch has ended or is to be opened again.
func (f *forwarder) run(ctx context.Context) {
	defer f.fail(ctx, f.watch, nil)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer f.timer.Stop()
	for goOn := true; goOn; {
		select {
		case event, ok := <-f.watch.ResultChan():
			goOn = ok && f.pass(ctx, event)
		case <-f.timer.C:
			goOn = f.check(ctx)
		case <-f.stop:
			return
		}
	}
}

// pass passes an event on, and returns false where the watch has come to its end.
func (f *forwarder) pass(ctx context.Context, event watch.Event) bool {
	version := versionOf(event) // before the object is somebody else's
	select {
	case f.events <- event:
	case <-f.stop:
		return false
	}
	if event.Type == watch.Error {
		f.fail(ctx, f.watch, apierrors.FromObject(event.Object))
		return true
	}
	return f.receive(ctx, f.watch, version, event.Type == watch.Bookmark)
}

// versionOf returns the resource version of an event.
func versionOf(event watch.Event) string {
	object, err := apimeta.Accessor(event.Object)
	if err != nil {
		return ""
	}
	return object.GetResourceVersion()
}

// check does what is due where the watch has sent nothing new for long, and returns false where it
// is to be opened again.
func (f *forwarder) check(ctx context.Context) bool {
	step, next := f.due()
	switch step {
	case request:
		go f.request(ctx)
	case reopen:
		log.FromContext(ctx).Info("A watch has sent nothing new for too long, and is opened again", "kind", f.kind)
		return false
	case nothing, report:
	}
	f.timer.Reset(next)
	return true
}

// request lists one object, as often as it takes to get an answer: what counts is the resource
// version of the list.
func (f *forwarder) request(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.evidence.tolerance)
	defer cancel()
	// The error is the context's: the watch has ended, or the answer would come too late.
	_ = wait.PollUntilContextCancel(ctx, OutageTolerance, true, func(ctx context.Context) (bool, error) {
		list, err := f.lister.ListWithContext(ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			return false, nil //nolint:nilerr // it is tried again
		}
		meta, err := apimeta.ListAccessor(list)
		if err != nil {
			return false, err
		}
		f.listed(meta.GetResourceVersion())
		return true, nil
	})
}
