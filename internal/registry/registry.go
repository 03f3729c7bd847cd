// Package registry asks registries, by the OCI distribution specification, whether images
// are there.
package registry

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

const (
	// perRegistry is how many images are asked for at the same time at one registry: about
	// as many requests as one docker pull makes.
	perRegistry = 4

	// answerWithin is how long a registry may take to begin its answer, connectWithin to
	// take a connection.
	answerWithin  = 30 * time.Second
	connectWithin = 10 * time.Second

	// retries is how often a request is made again that was answered with 429 or 5xx, and
	// longestWait is how long at most a registry's Retry-After is waited for each time.
	retries     = 5
	longestWait = time.Minute
)

// Answer is what a registry says of an image.
type Answer struct {
	Status  v1alpha1.ImageStatus
	Message string
}

// Credentials find what a request to a repository is authorized with; the host is that of
// the request.
type Credentials func(repository image.Repository) auth.CredentialFunc

// Checker asks registries for images.
type Checker struct {
	credentials Credentials
	// plain are the hosts that are spoken to without TLS.
	plain  map[string]bool
	client *http.Client
}

// NewChecker returns a checker; the plain hosts are spoken to without TLS.
func NewChecker(credentials Credentials, plain []string) *Checker {
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
		MinWait: 200 * time.Millisecond, MaxWait: longestWait, MaxRetry: retries,
	}
	c := &Checker{
		credentials: credentials, plain: map[string]bool{},
		client: &http.Client{Transport: &retry.Transport{Base: transport, Policy: func() retry.Policy { return policy }}},
	}
	for _, host := range plain {
		c.plain[host] = true
	}
	return c
}

// Check asks for every image, which must have a tag, and returns the answers in the same
// order. Registries are asked at the same time, each for a few images at once. Told is
// called after each answer, never twice at the same time.
func (c *Checker) Check(ctx context.Context, images []image.Reference, told func()) []Answer {
	answers := make([]Answer, len(images))
	byHost := map[string][]int{}
	for i := range images {
		byHost[images[i].Repository.Host] = append(byHost[images[i].Repository.Host], i)
	}
	var telling sync.Mutex
	var hosts sync.WaitGroup
	for host, indexes := range byHost {
		h := c.newHost(host)
		hosts.Go(func() {
			var group errgroup.Group
			group.SetLimit(perRegistry)
			for _, i := range indexes {
				group.Go(func() error {
					answers[i] = h.ask(ctx, images[i])
					telling.Lock()
					defer telling.Unlock()
					told()
					return nil
				})
			}
			_ = group.Wait() // an answer is no error
		})
	}
	hosts.Wait()
	return answers
}
