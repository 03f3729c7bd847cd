// Package registry asks registries, by the OCI distribution specification, whether images
// are there.
package registry

import (
	"context"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// perRegistry is how many images are asked for at the same time at one registry: about as
// many requests as one docker pull makes.
const perRegistry = 4

// Answer is what a registry says of an image.
type Answer struct {
	Status  v1alpha1.ImageStatus
	Message string
}

// Credentials find what requests to a repository are authorized with: one after the other
// is tried until the registry does not deny it. There must be at least one.
type Credentials func(repository image.Repository) []auth.CredentialFunc

// Checker asks registries for images.
type Checker struct {
	credentials Credentials
	// plain are the hosts that are spoken to without TLS.
	plain  map[string]bool
	limits limits
	client *http.Client
}

// NewChecker returns a checker; the plain hosts are spoken to without TLS.
func NewChecker(credentials Credentials, plain []string) *Checker {
	return newChecker(credentials, plain, limits{exchange: exchangeWithin, wait: longestWait, image: imageWithin, prompt: promptWithin})
}

func newChecker(credentials Credentials, plain []string, l limits) *Checker {
	c := &Checker{credentials: credentials, plain: map[string]bool{}, limits: l, client: l.client()}
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
	for _, indexes := range byHost {
		beside, _ := images[indexes[0]].Repository.OfChart()
		h := c.newHost(beside.Host)
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
