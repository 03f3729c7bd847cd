package published

import (
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// timed returns the configuration of a cluster whose requests set a clock.
func timed(cluster *rest.Config) (*rest.Config, *clock) {
	c := &clock{}
	c.Store(&pinlist.ReadTime{})
	config := rest.CopyConfig(cluster)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &timer{next, c} })
	return config, c
}

// clock has the time of the last answer of an API server.
type clock = atomic.Pointer[pinlist.ReadTime]

// timer sets a clock to the time of each answer.
type timer struct {
	next http.RoundTripper
	*clock
}

// RoundTrip sends a request.
func (t *timer) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := time.Now()
	response, err := t.next.RoundTrip(request)
	if err == nil {
		t.Store(new(readTime(response.Header.Get("Date"), sent, time.Now())))
	}
	return response, err
}

// readTime returns the time of an answer with this Date header to a request: by this host's
// clock if the header is missing or cannot be read.
func readTime(date string, sent, received time.Time) pinlist.ReadTime {
	at, err := http.ParseTime(date)
	if err != nil {
		return pinlist.ReadTime{At: received, ByHost: true}
	}
	t := pinlist.ReadTime{At: at}
	if at.After(received) {
		// The header has no fractions: it was up to a second later.
		t.Ahead = at.Add(time.Second).Sub(sent)
	}
	return t
}
