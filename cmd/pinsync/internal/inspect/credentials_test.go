package inspect_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/inspect"
	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// cluster is an API server whose ImageRepositories name Secrets.
type cluster struct {
	t      *testing.T
	plane  *local.ControlPlane
	client client.Client
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	plane := localtest.StartControlPlane(t)
	c, err := local.NewClient(plane.Config)
	localtest.Must(t, err)
	return &cluster{t, plane, c}
}

func (c *cluster) create(objects ...client.Object) {
	c.t.Helper()
	for _, object := range objects {
		if err := c.client.Create(c.t.Context(), object); err != nil {
			c.t.Fatal(err)
		}
	}
}

// repository makes an ImageRepository whose Secret has the same name, in a namespace of
// its own.
func (c *cluster) repository(namespace, name, image string) {
	c.t.Helper()
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := client.IgnoreAlreadyExists(c.client.Create(c.t.Context(), own)); err != nil {
		c.t.Fatal(err)
	}
	c.create(&imagev1.ImageRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       imagev1.ImageRepositorySpec{Image: image, SecretRef: &meta.LocalObjectReference{Name: name}},
	})
}

func (c *cluster) secret(namespace, name, key, text string) {
	c.t.Helper()
	c.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string][]byte{key: []byte(text)},
	})
}

func dockerConfig(host, user string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":secret")))
}

// logins returns the credentials that are tried for each repository: user names, or errors.
func (c *cluster) logins(repositories ...string) map[string][]string {
	c.t.Helper()
	wanted, tried := map[image.Repository]bool{}, map[string][]string{}
	for _, name := range repositories {
		repository, err := image.ParseRepository(name)
		if err != nil {
			c.t.Fatal(err)
		}
		wanted[repository] = true
	}
	logins := inspect.Logins{}
	if err := inspect.Credentials(c.t.Context(), c.plane.Config, wanted, logins); err != nil {
		c.t.Fatal(err)
	}
	users := func(context.Context, string) (auth.Credential, error) { return auth.Credential{Username: "user"}, nil }
	for repository := range wanted {
		for _, find := range logins.With(repository, users) {
			found, err := find(c.t.Context(), repository.Host)
			name := found.Username
			if err != nil {
				name = err.Error()
			}
			tried[repository.String()] = append(tried[repository.String()], name)
		}
	}
	return tried
}

// An ImageRepository whose Secret is missing or malformed does not prevent the use of others,
// and if none can be used, the error is returned.
func TestCredentials(t *testing.T) {
	c := newCluster(t)
	expect := func(got, want map[string][]string) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect(c.logins("a.example/o/app"), map[string][]string{"a.example/o/app": {"user"}})

	if err := c.plane.InstallFlux(t.Context()); err != nil {
		t.Fatal(err)
	}
	const key = corev1.DockerConfigJsonKey
	c.repository("apps-1", "missing", "a.example/o/app")
	c.repository("apps-2", "first", "a.example/o/app")
	c.secret("apps-2", "first", key, dockerConfig("a.example", "first"))
	c.repository("apps-3", "second", "a.example/o/app")
	c.secret("apps-3", "second", key, dockerConfig("a.example", "second"))
	c.repository("apps-1", "key", "a.example/o/key")
	c.secret("apps-1", "key", "password", "secret")
	c.repository("apps-1", "host", "a.example/o/host")
	c.secret("apps-1", "host", key, dockerConfig("b.example", "other"))
	c.repository("apps-1", "text", "a.example/o/text")
	c.secret("apps-1", "text", key, `{"auths":[]}`)
	c.repository("apps-1", "none", "a.example/o/none")
	c.repository("apps-1", "hub", "nginx")
	c.secret("apps-1", "hub", key, dockerConfig("https://index.docker.io/v1/", "hub"))

	got := c.logins("a.example/o/app", "a.example/o/key", "a.example/o/host", "a.example/o/none", "a.example/o/other")
	expect(got, map[string][]string{
		"a.example/o/app":   {"first", "second", "user"},
		"a.example/o/key":   {"user", "ImageRepository apps-1/key: Secret apps-1/key: has no key .dockerconfigjson"},
		"a.example/o/host":  {"user", "ImageRepository apps-1/host: Secret apps-1/host: .dockerconfigjson has no credentials for a.example"},
		"a.example/o/none":  {"user", `ImageRepository apps-1/none: Secret apps-1/none: secrets "none" not found`},
		"a.example/o/other": {"user"},
	})
	if text := c.logins("a.example/o/text")["a.example/o/text"]; len(text) != 2 {
		t.Errorf("a Secret that is no Docker configuration is tried as %q", text)
	}
	if text := c.logins("nginx")["docker.io/library/nginx"]; len(text) != 2 {
		t.Errorf("Docker Hub is tried with %q", text)
	}
}
