package registry

import (
	"context"
	"errors"
	"net/http"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// One credential after the other is tried, and what keeps one from being read is told only
// where it is wanted.
func TestCredentials(t *testing.T) {
	m := manifests{}
	m.add("staging", ocispec.MediaTypeImageManifest, "{}")
	private := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); user != "right" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		m.ServeHTTP(w, r)
	})
	public := registryOf(t, m.ServeHTTP)
	hidden := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
		switch user, _, _ := r.BasicAuth(); {
		case user == "":
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		case user == "right" || r.URL.Path == "/v2/":
			m.ServeHTTP(w, r)
		default:
			manifests{}.ServeHTTP(w, r)
		}
	})
	user := func(name string) auth.CredentialFunc {
		return func(context.Context, string) (auth.Credential, error) {
			return auth.Credential{Username: name, Password: "secret"}, nil
		}
	}
	broken := func(context.Context, string) (auth.Credential, error) {
		return auth.EmptyCredential, errors.New("Secret apps/login: it is gone")
	}
	for name, test := range map[string]struct {
		host    string
		try     []auth.CredentialFunc
		status  v1alpha1.ImageStatus
		message string
	}{
		"the second":     {private, []auth.CredentialFunc{user("wrong"), user("right")}, v1alpha1.ImagePresent, ""},
		"after a broken": {private, []auth.CredentialFunc{broken, user("right")}, v1alpha1.ImagePresent, ""},
		"none":           {private, []auth.CredentialFunc{user("wrong"), user("bad")}, v1alpha1.ImageUnauthorized, "401"},
		"broken":         {private, []auth.CredentialFunc{user("wrong"), broken}, v1alpha1.ImageUnauthorized, "Secret apps/login: it is gone"},
		"hidden":         {hidden, []auth.CredentialFunc{user("other"), user("right")}, v1alpha1.ImagePresent, ""},
		"not there":      {hidden, []auth.CredentialFunc{user("other"), user("third")}, v1alpha1.ImageMissing, ""},
		"may be hidden":  {hidden, []auth.CredentialFunc{user("other"), broken}, v1alpha1.ImageUnauthorized, "Secret apps/login: it is gone"},
		"not wanted":     {public, []auth.CredentialFunc{broken}, v1alpha1.ImagePresent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			checker := NewChecker(func(image.Repository) []auth.CredentialFunc { return test.try }, []string{test.host})
			expect(t, askBy(t, checker, test.host, "staging")[0], test.status, test.message)
		})
	}
}
