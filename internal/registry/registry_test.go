package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// registryOf serves a registry by a function, and returns its host.
func registryOf(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// manifests is a registry that has these manifests, by tag or digest.
type manifests map[string]struct{ mediaType, text string }

func (m manifests) add(reference, mediaType, text string) (digest string) {
	digest = digestOf(text)
	m[digest] = struct{ mediaType, text string }{mediaType, text}
	if reference != "" {
		m[reference] = m[digest]
	}
	return digest
}

func (m manifests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, ok := m[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
	switch {
	case r.URL.Path == "/v2/":
		return
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
		return
	}
	w.Header().Set("Docker-Content-Digest", digestOf(found.text))
	w.Header().Set("Content-Type", found.mediaType)
	w.Header().Set("Content-Length", fmt.Sprint(len(found.text)))
	if r.Method == http.MethodGet {
		fmt.Fprint(w, found.text)
	}
}

// index adds an index of a tag, with child manifests for two platforms.
func (m manifests) index(t *testing.T, tag, mediaType string) (children []string) {
	t.Helper()
	index := ocispec.Index{}
	for _, architecture := range []string{"amd64", "arm64"} {
		text := fmt.Sprintf(`{"architecture":%q,"of":%q}`, architecture, tag)
		digest := m.add("", ocispec.MediaTypeImageManifest, text)
		children = append(children, digest)
		var child ocispec.Descriptor
		if err := json.Unmarshal(fmt.Appendf(nil, `{"mediaType":%q,"digest":%q,"size":%d,"platform":{"os":"linux","architecture":%q}}`,
			ocispec.MediaTypeImageManifest, digest, len(text), architecture), &child); err != nil {
			t.Fatal(err)
		}
		index.Manifests = append(index.Manifests, child)
	}
	text, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	m.add(tag, mediaType, string(text))
	return children
}

// ask asks a host for tags of the repository app.
func ask(t *testing.T, host string, tags ...string) []Answer {
	t.Helper()
	return askBy(t, anonymous(host), host, tags...)
}

func askBy(t *testing.T, checker *Checker, host string, tags ...string) []Answer {
	t.Helper()
	var refs []image.Reference
	for _, tag := range tags {
		ref, err := image.Parse(host + "/o/app:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	told := 0
	answers := checker.Check(t.Context(), refs, func() { told++ })
	if told != len(refs) {
		t.Errorf("told of %d answers, there are %d", told, len(refs))
	}
	return answers
}

func anonymous(plain ...string) *Checker {
	return NewChecker(withNone, plain)
}

// withNone finds no credentials.
func withNone(image.Repository) []auth.CredentialFunc {
	return []auth.CredentialFunc{func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, nil }}
}

func expect(t *testing.T, got Answer, status v1alpha1.ImageStatus, message string) {
	t.Helper()
	if got.Status != status || !strings.Contains(got.Message, message) {
		t.Errorf("got %s, %q; want %s, %q", got.Status, got.Message, status, message)
	}
}

func TestAnswers(t *testing.T) {
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	m.index(t, "multi", ocispec.MediaTypeImageIndex)
	m.index(t, "docker", dockerIndex)
	broken := m.index(t, "broken", ocispec.MediaTypeImageIndex)
	delete(m, broken[1])
	lost := m.index(t, "lost", dockerIndex)
	delete(m, lost[0])
	m.add("nonsense", ocispec.MediaTypeImageIndex, "{")
	answers := ask(t, registryOf(t, m.ServeHTTP), "staging", "gone", "multi", "docker", "broken", "lost", "nonsense")
	for i, want := range []struct {
		status  v1alpha1.ImageStatus
		message string
	}{
		{v1alpha1.ImagePresent, ""},
		{v1alpha1.ImageMissing, "no such tag"},
		{v1alpha1.ImagePresent, ""},
		{v1alpha1.ImagePresent, ""},
		{v1alpha1.ImageIncomplete, "not there: " + broken[1] + " for linux/arm64"},
		{v1alpha1.ImageIncomplete, "not there: " + lost[0] + " for linux/amd64"},
		{v1alpha1.ImageUnknown, "reading its index"},
	} {
		expect(t, answers[i], want.status, want.message)
	}
}

// Only a registry's own 404, to HEAD and GET, says that a tag is missing.
func TestUnconfirmedNotFound(t *testing.T) {
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	tests := map[string]struct {
		serve   http.HandlerFunc
		tag     string
		status  v1alpha1.ImageStatus
		message string
	}{
		"no registry": {http.NotFound, "staging", v1alpha1.ImageUnknown, "not as a registry does"},
		"a page instead": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				http.NotFound(w, r)
				return
			}
			w.WriteHeader(http.StatusTeapot)
		}, "staging", v1alpha1.ImageUnknown, "not as a registry does"},
		"HEAD only": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				http.NotFound(w, r)
				return
			}
			m.ServeHTTP(w, r)
		}, "staging", v1alpha1.ImagePresent, ""},
		"HEAD without digest": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
				w.Header().Set("Content-Length", "2")
				return
			}
			m.ServeHTTP(w, r)
		}, "staging", v1alpha1.ImagePresent, ""},
		"a registry that lets nobody in at its base": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			m.ServeHTTP(w, r)
		}, "gone", v1alpha1.ImageMissing, "no such tag"},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		}, "staging", v1alpha1.ImageUnauthorized, "403"},
		"a login that is missing": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, "staging", v1alpha1.ImageUnauthorized, "credential"},
		"odd": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, "staging", v1alpha1.ImageUnknown, "418"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			expect(t, ask(t, registryOf(t, test.serve), test.tag)[0], test.status, test.message)
		})
	}
}

// A registry that is down is asked once, and the others are asked all the same.
func TestUnreachable(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	up := registryOf(t, m.ServeHTTP)
	var refs []image.Reference
	for _, name := range []string{strings.TrimPrefix(down.URL, "http://") + "/o/app:a", up + "/o/app:staging"} {
		ref, err := image.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	answers := anonymous(up, refs[0].Repository.Host).Check(t.Context(), refs, func() {})
	expect(t, answers[0], v1alpha1.ImageUnreachable, "refused")
	expect(t, answers[1], v1alpha1.ImagePresent, "")
}

// A registry that wants a client to wait is asked again after the time that it says.
func TestTooManyRequests(t *testing.T) {
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	var requests atomic.Int32
	host := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		m.ServeHTTP(w, r)
	})
	expect(t, ask(t, host, "staging")[0], v1alpha1.ImagePresent, "")
	if n := requests.Load(); n != 2 {
		t.Errorf("there were %d requests, want 2", n)
	}
}

// No more than a few images are asked for at a time.
func TestFewAtATime(t *testing.T) {
	var now, most atomic.Int32
	full := make(chan struct{})
	fill := sync.OnceFunc(func() { close(full) })
	host := registryOf(t, func(http.ResponseWriter, *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			before := most.Load()
			if n <= before || most.CompareAndSwap(before, n) {
				break
			}
		}
		if n == perRegistry {
			fill()
		}
		<-full // until as many are there as there may be
	})
	var tags []string
	for i := range 40 {
		tags = append(tags, fmt.Sprint("v", i))
	}
	ask(t, host, tags...)
	if got := most.Load(); got != perRegistry {
		t.Errorf("%d at a time, want %d", got, perRegistry)
	}
}
