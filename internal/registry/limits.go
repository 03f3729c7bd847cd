package registry

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"oras.land/oras-go/v2/registry/remote/retry"
)

const (
	// answerWithin is how long a registry may take to begin its answer, connectWithin to
	// take a connection, and exchangeWithin for a whole request and its answer, of which
	// the longest is an index of a few MiB.
	answerWithin   = 30 * time.Second
	connectWithin  = 10 * time.Second
	exchangeWithin = time.Minute

	// retries is how often a request is made again that was answered with 429 or 5xx, and
	// longestWait is how long at most a registry's Retry-After is waited for each time.
	retries     = 5
	longestWait = time.Minute

	// imageWithin is how long all of an image's requests may take together. It is longer
	// than one of them takes that is made again for the last time, so that what the
	// registry says then is heard.
	imageWithin = (retries + 1) * (exchangeWithin + longestWait)

	// promptWithin is how long all of an image's requests take where nothing is wrong, those for its
	// platforms included. All images that take longer may together take as long as one may.
	promptWithin = 5 * time.Second
)

// limits are how long is waited at most: for a request and its answer, before a request is
// made again, and for an image, and for all images of a registry that are not prompt.
type limits struct{ exchange, wait, image, prompt time.Duration }

// client returns a client that makes requests again that a registry has no time for.
func (l limits) client() *http.Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectWithin}).DialContext,
		TLSHandshakeTimeout:   connectWithin,
		ResponseHeaderTimeout: answerWithin,
		MaxIdleConnsPerHost:   perRegistry,
		ForceAttemptHTTP2:     true,
	}
	policy := &retry.GenericPolicy{
		Retryable: retry.DefaultPredicate, Backoff: retry.DefaultBackoff,
		MinWait: 200 * time.Millisecond, MaxWait: l.wait, MaxRetry: retries,
	}
	return &http.Client{Transport: &retry.Transport{
		Base: &exchange{transport, l.exchange}, Policy: func() retry.Policy { return policy },
	}}
}

// exchange limits how long a request and its answer take, the body included, which could
// else go on for ever. The client's own timeout would count the waiting between requests.
type exchange struct {
	base  http.RoundTripper
	limit time.Duration
}

// RoundTrip makes a request.
func (e *exchange) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), e.limit)
	response, err := e.base.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = &limitedBody{response.Body, cancel}
	return response, nil
}

// limitedBody is a body whose time is limited.
type limitedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends the exchange.
func (b *limitedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
