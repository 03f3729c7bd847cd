package registry

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// hasty does not wait long for a host.
func hasty(host string) *Checker {
	return newChecker(withNone, []string{host}, limits{exchange: 200 * time.Millisecond, wait: time.Millisecond, image: time.Minute, prompt: time.Minute})
}

// hang sends the beginning of a body that never ends.
func hang(w http.ResponseWriter, r *http.Request, text string) {
	fmt.Fprint(w, text)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// No body that never ends is waited for.
func TestEndlessBodies(t *testing.T) {
	m := manifests{}
	m.index(t, "index", ocispec.MediaTypeImageIndex)
	isIndexBody := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/")
	}
	tests := map[string]struct {
		serve   http.HandlerFunc
		status  v1alpha1.ImageStatus
		message string
	}{
		"index": {func(w http.ResponseWriter, r *http.Request) {
			if !isIndexBody(r) {
				m.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			hang(w, r, "{")
		}, v1alpha1.ImageUnreachable, "reading its index: context deadline exceeded"},
		"token": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				hang(w, r, "{")
				return
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, v1alpha1.ImageUnreachable, "/token"},
		"error": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.WriteHeader(http.StatusTeapot)
			hang(w, r, "{")
		}, v1alpha1.ImageUnknown, "418"},
		"nothing": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, v1alpha1.ImageUnreachable, "deadline exceeded"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			host := registryOf(t, test.serve)
			expect(t, askBy(t, hasty(host), host, "index")[0], test.status, test.message)
		})
	}
}

// An image that takes too long is left, and so are the others of its registry. The end of the caller's
// patience says nothing of them.
func TestImageTakesTooLong(t *testing.T) {
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	name := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/slow") {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		m.ServeHTTP(w, r)
	})
	h := newChecker(withNone, []string{name}, limits{exchangeWithin, longestWait, 100 * time.Millisecond, 50 * time.Millisecond}).newHost(name)
	ref, err := image.Parse(name + "/o/app:slow")
	if err != nil {
		t.Fatal(err)
	}
	other := ref
	other.Tag = "staging"
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expect(t, h.ask(canceled, ref), v1alpha1.ImageUnknown, "context canceled")
	expect(t, h.ask(t.Context(), other), v1alpha1.ImagePresent, "")

	expect(t, h.ask(t.Context(), ref), v1alpha1.ImageUnknown, "took longer than 100ms")
	expect(t, h.ask(t.Context(), other), v1alpha1.ImageUnknown, "not asked again: its images that took 50ms or longer have taken 100ms or more together")
}

// A registry that answers, but takes long for each of many images, is given up when all of them have taken as
// long as one may.
func TestSlowRegistry(t *testing.T) {
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	var asked atomic.Int32
	const takes, most = 20 * time.Millisecond, 200 * time.Millisecond
	host := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		time.Sleep(takes)
		m.ServeHTTP(w, r)
	})
	tags := slices.Repeat([]string{"staging"}, 200)
	checker := newChecker(withNone, []string{host}, limits{exchangeWithin, longestWait, most, takes})
	expect(t, askBy(t, checker, host, tags...)[199], v1alpha1.ImageUnknown, "not asked again: its images that took 20ms or longer have taken 200ms or more together")
	// Each image that was answered took so long, and others were asked for meanwhile.
	if n, want := int(asked.Load()), int(most/takes)+perRegistry; n > want {
		t.Errorf("there were %d requests, want %d at most", n, want)
	}

	// Prompt ones may take longer together.
	checker = newChecker(withNone, []string{host}, limits{exchangeWithin, longestWait, 3 * time.Second, 3 * time.Second})
	expect(t, askBy(t, checker, host, tags...)[199], v1alpha1.ImagePresent, "")
}

// A registry that goes on refusing is asked for one image to the end, and for no other.
func TestRateLimit(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var requests atomic.Int32
			host := registryOf(t, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(status)
			})
			var tags []string
			for i := range 40 {
				tags = append(tags, fmt.Sprint("v", i))
			}
			answers := askBy(t, hasty(host), host, tags...)
			for _, answer := range answers {
				expect(t, answer, v1alpha1.ImageUnknown, fmt.Sprint("status code ", status))
			}
			expect(t, answers[39], v1alpha1.ImageUnknown, "not asked again")
			// As many images are asked for at the same time, and one that was begun meanwhile.
			if n, most := requests.Load(), int32((2*perRegistry-1)*(1+retries)); n > most {
				t.Errorf("there were %d requests, want %d at most", n, most)
			}
		})
	}
}

// The limit on an image leaves time for all that its registry may ask to wait.
func TestImageLimit(t *testing.T) {
	if longest := retries*longestWait + (1+retries)*exchangeWithin; imageWithin <= longest {
		t.Errorf("an image may take %s, one request %s", imageWithin, longest)
	}
}
