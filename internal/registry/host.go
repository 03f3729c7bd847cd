package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// host is one registry.
type host struct {
	checker *Checker
	name    string
	// forAll is set by the first request that the registry could not answer: the other
	// images need not wait for the same. It is also set when the images that were not prompt, answered
	// or not, have taken, in nanoseconds, what one may take: else a registry that answers slowly takes
	// hours.
	forAll atomic.Pointer[Answer]
	slow   atomic.Int64

	mu      sync.Mutex
	clients map[image.Repository][]*auth.Client
}

func (c *Checker) newHost(name string) *host {
	return &host{checker: c, name: name, clients: map[image.Repository][]*auth.Client{}}
}

// ask asks whether an image is there.
func (h *host) ask(ctx context.Context, ref image.Reference) Answer {
	if said := h.forAll.Load(); said != nil {
		return Answer{said.Status, "the registry was not asked again: " + said.Message}
	}
	begin, limit, prompt := time.Now(), h.checker.limits.image, h.checker.limits.prompt
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("its requests took longer than %s", limit))
	defer cancel()
	answer, err := h.answer(ctx, ref)
	if took := time.Since(begin); took >= prompt && time.Duration(h.slow.Add(int64(took))) >= limit {
		h.forAll.CompareAndSwap(nil, &Answer{
			v1alpha1.ImageUnknown, fmt.Sprintf("its images that took %s or longer have taken %s or more together", prompt, limit),
		})
	}
	switch {
	case err == nil:
		return answer
	case ctx.Err() != nil: // it says nothing of the registry that nobody waited for it
		return Answer{v1alpha1.ImageUnknown, context.Cause(ctx).Error()}
	}
	answer = answerTo(h.name, err)
	if isUnanswered(err) || isOverloaded(err) {
		h.forAll.Store(&answer)
	}
	return answer
}

// answer asks with one credential after the other, until one sees the image or the registry does
// not answer, and returns the most conclusive answer: a registry may answer 404 to a login that must
// not see an image, so that the image is only missing if no other login could see it.
func (h *host) answer(ctx context.Context, ref image.Reference) (answer Answer, err error) {
	look, err := h.look(ref)
	if err != nil {
		return Answer{}, err
	}
	best := 0
	for _, client := range h.clientsOf(ref.Repository) {
		found, foundErr := look(ctx, client)
		if value := valueOf(found, foundErr); value > best {
			answer, err, best = found, foundErr, value
		}
		if best == seen || isUnanswered(foundErr) || isOverloaded(foundErr) {
			break
		}
	}
	return answer, err
}

// look returns what asks for an image or a chart with a credential.
func (h *host) look(ref image.Reference) (func(context.Context, *auth.Client) (Answer, error), error) {
	isPlain := h.checker.plain[h.name]
	if beside, isChart := ref.Repository.OfChart(); isChart {
		return func(ctx context.Context, client *auth.Client) (Answer, error) {
			return lookUpChart(ctx, client, chartPackage{beside, ref.Tag, isPlain})
		}, nil
	}
	repository, err := remote.NewRepository(ref.Repository.String())
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = isPlain
	return func(ctx context.Context, client *auth.Client) (Answer, error) {
		repository.Client = client
		return lookBoth(ctx, repository, ref)
	}, nil
}

// How conclusive an answer is. A login that is denied cannot see the image; one that cannot be read,
// or whose request fails otherwise, might have seen it, so that others' 404 does not suffice.
const (
	denied = iota + 1
	missing
	unknown
	seen
)

func valueOf(answer Answer, err error) int {
	switch {
	case err == nil && answer.Status != v1alpha1.ImageMissing:
		return seen
	case err == nil, isMissing(err):
		return missing
	case isDenied(err) && !errors.Is(err, errNoCredential):
		return denied
	default:
		return unknown
	}
}

// clientsOf returns the clients of a repository, one for each credential. They are not
// shared between repositories: credentials may be of one alone.
func (h *host) clientsOf(name image.Repository) []*auth.Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.clients[name] == nil {
		for _, find := range h.checker.credentials(name) {
			client := &auth.Client{Client: h.checker.client, Credential: credential(find), Cache: auth.NewCache()}
			client.SetUserAgent("pinsync")
			h.clients[name] = append(h.clients[name], client)
		}
	}
	return h.clients[name]
}

// errNoCredential is why a login that the registry wants could not even be tried.
var errNoCredential = errors.New("it wants a login")

// credential marks the errors of what finds credentials.
func credential(find auth.CredentialFunc) auth.CredentialFunc {
	return func(ctx context.Context, hostport string) (auth.Credential, error) {
		found, err := find(ctx, hostport)
		if err != nil {
			return found, fmt.Errorf("%w: %w", errNoCredential, err)
		}
		return found, nil
	}
}
