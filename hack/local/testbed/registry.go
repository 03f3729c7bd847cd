package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// Registry is one owner's part of Gitea's registry.
type Registry struct {
	Gitea *local.Gitea
	Owner string
}

// NewRegistry creates an owner without images.
func NewRegistry(ctx context.Context, gitea *local.Gitea, owner string) (*Registry, error) {
	r := &Registry{Gitea: gitea, Owner: owner}
	body, err := json.Marshal(map[string]string{"username": owner})
	if err != nil {
		return nil, err
	}
	_, err = r.Send(ctx, http.MethodPost, "/api/v1/orgs", "application/json", body, http.StatusCreated)
	return r, err
}

// Name returns an image reference for manifests.
func (r *Registry) Name(image string) string { return r.Gitea.Host + "/" + r.Owner + "/" + image }

// Repository returns the repository of an image.
func (r *Registry) Repository(image string) (*remote.Repository, error) {
	return openRepository(r.Gitea, r.Name(image))
}

func openRepository(gitea *local.Gitea, reference string) (*remote.Repository, error) {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = true
	repository.Client = &auth.Client{
		Credential: auth.StaticCredential(gitea.Host, auth.Credential{Username: gitea.User, Password: gitea.Token}),
	}
	return repository, nil
}

// pull returns the digest of an image that a cluster pulls.
func pull(ctx context.Context, gitea *local.Gitea, image string) (digest string, err error) {
	if !strings.HasPrefix(image, gitea.Host+"/") {
		return "", fmt.Errorf("%s is not in Gitea", image)
	}
	repository, err := openRepository(gitea, image)
	if err != nil {
		return "", err
	}
	found, err := repository.Resolve(ctx, repository.Reference.Reference)
	return found.Digest.String(), err
}

// Version is a tag or a digest of an image.
type Version struct{ Name, Version string }

// pageSize is how many versions Gitea returns for a request at most.
const pageSize = 50

// Versions lists the tags and digests of all images.
func (r *Registry) Versions(ctx context.Context) ([]Version, error) {
	var all []Version
	for page := 1; ; page++ {
		path := fmt.Sprintf("/api/v1/packages/%s?type=container&limit=%d&page=%d", r.Owner, pageSize, page)
		answer, err := r.Send(ctx, http.MethodGet, path, "", nil, http.StatusOK)
		if err != nil {
			return nil, err
		}
		var versions []Version
		if err := json.Unmarshal(answer, &versions); err != nil {
			return nil, fmt.Errorf("GET %s: %w", path, err)
		}
		all = append(all, versions...)
		if len(versions) < pageSize {
			return all, nil
		}
	}
}

// Delete deletes a tag or digest.
func (r *Registry) Delete(ctx context.Context, image, version string) error {
	path := "/api/v1/packages/" + r.Owner + "/container/" + url.PathEscape(image) + "/" + url.PathEscape(version)
	_, err := r.Send(ctx, http.MethodDelete, path, "", nil, http.StatusNoContent)
	return err
}

// Send makes a request to Gitea with a body of some type. The response must have the status.
func (r *Registry) Send(ctx context.Context, method, path, contentType string, body []byte, status int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+r.Gitea.Host+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "token "+r.Gitea.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, nil
}
