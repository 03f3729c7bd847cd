package registry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Only a manifest is an image, whatever else is answered with 200.
func TestMediaTypes(t *testing.T) {
	m := manifests{}
	m.add("oci", ocispec.MediaTypeImageManifest, "{}")
	m.add("docker", dockerManifest, "{}{}")
	m.add("artifact", ociArtifact, "{}{}{}")
	m.add("page", "text/html; charset=utf-8", "<html>")
	m.add("json", "application/json", "[]")
	answers := ask(t, registryOf(t, m.ServeHTTP), "oci", "docker", "artifact", "page", "json")
	for i := range 3 {
		expect(t, answers[i], v1alpha1.ImagePresent, "")
	}
	expect(t, answers[3], v1alpha1.ImageUnknown, "it answers with text/html")
	expect(t, answers[4], v1alpha1.ImageUnknown, "it answers with application/json")
}

// A page to log in at answers everything, and knows no digests.
func TestLoginPage(t *testing.T) {
	host := registryOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>"))
	})
	expect(t, ask(t, host, "staging")[0], v1alpha1.ImageUnknown, "it answers with text/html")
}

// A login page that stands for a child manifest is none either.
func TestLoginPageForChild(t *testing.T) {
	m := manifests{}
	children := m.index(t, "multi", dockerIndex)
	host := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, children[0]) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
			return
		}
		m.ServeHTTP(w, r)
	})
	expect(t, ask(t, host, "multi")[0], v1alpha1.ImageUnknown, children[0])
}

// A 404 for a part of an image is believed as little as one for its tag.
func TestUnconfirmedParts(t *testing.T) {
	m := manifests{}
	children := m.index(t, "multi", ocispec.MediaTypeImageIndex)
	index := digestOf(m["multi"].text)
	for name, part := range map[string]string{"index": index, "child": children[1]} {
		hides := func(methods, base string) Answer {
			return ask(t, registryOf(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/v2/" && base != "",
					strings.HasSuffix(r.URL.Path, part) && strings.Contains(methods, r.Method):
					http.NotFound(w, r)
				default:
					m.ServeHTTP(w, r)
				}
			}), "multi")[0]
		}
		t.Run(name, func(t *testing.T) {
			expect(t, hides("HEAD", ""), v1alpha1.ImagePresent, "")
			expect(t, hides("HEAD GET", ""), v1alpha1.ImageIncomplete, part)
			expect(t, hides("HEAD GET", "no registry"), v1alpha1.ImageUnknown, "not as a registry does")
		})
	}
	t.Run("index by GET alone", func(t *testing.T) {
		host := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, index) {
				http.NotFound(w, r)
				return
			}
			m.ServeHTTP(w, r)
		})
		expect(t, ask(t, host, "multi")[0], v1alpha1.ImageUnknown, "at one time and not at another")
	})
}

// What BuildKit adds to an index is not needed to run any of its images.
func TestAttestations(t *testing.T) {
	m := manifests{}
	child := m.add("", ocispec.MediaTypeImageManifest, "{}")
	const gone = `{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:` +
		`0000000000000000000000000000000000000000000000000000000000000000"`
	for tag, attestation := range map[string]string{
		"annotated": gone + `,"annotations":{"vnd.docker.reference.type":"attestation-manifest"}}`,
		"unknown":   gone + `,"platform":{"os":"unknown","architecture":"unknown"}}`,
		"image":     gone + `,"platform":{"os":"unknown","architecture":"amd64"}}`,
	} {
		m.add(tag, ocispec.MediaTypeImageIndex, `{"manifests":[{"mediaType":"`+ocispec.MediaTypeImageManifest+`","size":2,"digest":"`+child+`"},`+attestation+`]}`)
	}
	answers := ask(t, registryOf(t, m.ServeHTTP), "annotated", "unknown", "image")
	expect(t, answers[0], v1alpha1.ImagePresent, "")
	expect(t, answers[1], v1alpha1.ImagePresent, "")
	expect(t, answers[2], v1alpha1.ImageIncomplete, "for unknown/amd64")
}

// One tag's odd answer says nothing of the others.
func TestOddTag(t *testing.T) {
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	host := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/loop") {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		m.ServeHTTP(w, r)
	})
	// The last is asked after most of the others have their answer.
	answers := ask(t, host, "loop", "loop", "loop", "loop", "loop", "loop", "loop", "loop", "staging")
	expect(t, answers[0], v1alpha1.ImageUnknown, "redirects")
	expect(t, answers[8], v1alpha1.ImagePresent, "")
}

// No answer at all, in whatever way, says that the registry is unreachable.
func TestUnanswered(t *testing.T) {
	m := manifests{}
	for name, broken := range map[string]func(*testing.T) (host string, plain []string){
		"certificate": func(t *testing.T) (string, []string) {
			server := httptest.NewTLSServer(m)
			t.Cleanup(server.Close)
			return strings.TrimPrefix(server.URL, "https://"), nil
		},
		"no TLS": func(t *testing.T) (string, []string) { return registryOf(t, m.ServeHTTP), nil },
		"ended": func(t *testing.T) (string, []string) {
			host := registryOf(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			return host, []string{host}
		},
	} {
		t.Run(name, func(t *testing.T) {
			host, plain := broken(t)
			expect(t, askBy(t, anonymous(plain...), host, "staging")[0], v1alpha1.ImageUnreachable, "")
		})
	}
}
