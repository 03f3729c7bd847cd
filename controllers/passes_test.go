package controllers_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/controllers"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// impatient are options of a controller whose passes are short, and the longest time that may
// go by from the end of one to that of the next.
func (w *world) impatient() (options controllers.Options, limit time.Duration) {
	options = w.options()
	options.Heartbeat, options.PassTimeout = time.Second, 2*time.Second
	options.HealthAddress = localtest.FreeAddress(w.t)
	return options, 15 * time.Second
}

// live returns the status of a controller's liveness probe.
func live(ctx context.Context, options *controllers.Options) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+options.HealthAddress+"/healthz", http.NoBody)
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	response.Body.Close()
	return response.Status
}

const (
	isLive   = "200 OK"
	isFrozen = "500 Internal Server Error"
)

// expectLive waits until the liveness probe of a controller has a status.
func (w *world) expectLive(options *controllers.Options, status string) {
	w.t.Helper()
	w.until(func(ctx context.Context) (bool, string) {
		got := live(ctx, options)
		return got == status, got
	})
}

// stays expects that the liveness probe of a controller succeeds for so long.
func (w *world) stays(options *controllers.Options, d time.Duration) {
	w.t.Helper()
	end := time.Now().Add(d)
	w.until(func(ctx context.Context) (bool, string) {
		if got := live(ctx, options); got != isLive {
			w.t.Fatalf("the probe returns %s", got)
		}
		return time.Now().After(end), "the time is not over"
	})
}

// holdUp holds up the requests of controllers that the world starts from now on, once it is
// started, until it is stopped or, if it is not forced, the request is given up.
func holdUp(w *world, matches func(*http.Request) bool, forced bool) (start, stop func()) {
	started, stopped := make(chan struct{}), make(chan struct{})
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		select {
		case <-started:
		default:
			return next.RoundTrip(request)
		}
		if !matches(request) {
			return next.RoundTrip(request)
		}
		done := request.Context().Done()
		if forced {
			done = nil
		}
		select {
		case <-stopped:
			return next.RoundTrip(request)
		case <-done:
			return nil, request.Context().Err()
		}
	})
	stop = sync.OnceFunc(func() { close(stopped) })
	w.t.Cleanup(stop)
	return func() { close(started) }, stop
}

// The liveness probe of a leader whose pass never ends fails; that of another replica does not.
func TestFrozenPass(t *testing.T) {
	w := newWorld(t)
	freeze, thaw := holdUp(w, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/configmaps/registry-pins") }, true)
	leader, _ := w.impatient()
	leader.LeaderElect = true
	w.start(leader)
	w.expect()
	w.expectLive(&leader, isLive)
	standby, limit := w.impatient()
	standby.LeaderElect = true
	w.start(standby)
	w.expectLive(&standby, isLive)
	freeze()
	w.expectLive(&leader, isFrozen)
	w.stays(&standby, limit)
	thaw()
	w.expectLive(&leader, isLive)
}

// An API server that does not answer fails no liveness probe.
func TestLiveWithoutAPIServer(t *testing.T) {
	w := newWorld(t)
	stopServer, startServer := holdUp(w, func(*http.Request) bool { return true }, false)
	options, limit := w.impatient()
	w.start(options)
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.expectLive(&options, isLive)
	stopServer()
	w.suspend("other", app+":v2")
	w.stays(&options, limit+10*time.Second)
	startServer()
	w.expect("v1", "v2")
}

// A replica that cannot fill its caches makes no pass, and none is due.
func TestLiveBeforeCachesAreSynced(t *testing.T) {
	w := newWorld(t)
	start, _ := holdUp(w, func(r *http.Request) bool { return r.URL.Query().Has("watch") || r.URL.Query().Has("limit") }, false)
	start()
	options, limit := w.impatient()
	w.start(options)
	w.expectLive(&options, isLive)
	w.stays(&options, limit+5*time.Second)
}
