package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// pageSize is the number of versions per request; Gitea's maximum is 50.
const pageSize = 50

// maxResponseBytes limits the size of a response.
const maxResponseBytes = 16 << 20

// gitea is one owner's packages in Gitea.
type gitea struct{ url, owner, token string }

// versions lists all versions of all images.
func (g *gitea) versions(ctx context.Context) ([]version, error) {
	var all []version
	for page := 1; ; page++ {
		var packages []struct{ Name, Version string }
		path := fmt.Sprintf("/api/v1/packages/%s?type=container&limit=%d&page=%d", url.PathEscape(g.owner), pageSize, page)
		if err := g.request(ctx, http.MethodGet, path, http.StatusOK, &packages); err != nil {
			return nil, err
		}
		if len(packages) == 0 {
			return all, nil
		}
		for _, p := range packages {
			all = append(all, version{p.Name, p.Version})
		}
	}
}

// children returns the digests of the children of a version's index, and none if its manifest
// is not an index.
func (g *gitea) children(ctx context.Context, v version) ([]string, error) {
	var manifest struct {
		Manifests []struct{ Digest string }
	}
	path := "/v2/" + g.owner + "/" + v.image + "/manifests/" + v.version
	if err := g.request(ctx, http.MethodGet, path, http.StatusOK, &manifest); err != nil {
		return nil, err
	}
	digests := make([]string, len(manifest.Manifests))
	for i, child := range manifest.Manifests {
		digests[i] = child.Digest
	}
	return digests, nil
}

// remove deletes a version.
func (g *gitea) remove(ctx context.Context, v version) error {
	path := "/api/v1/packages/" + strings.Join([]string{
		url.PathEscape(g.owner), "container", url.PathEscape(v.image), url.PathEscape(v.version),
	}, "/")
	return g.request(ctx, http.MethodDelete, path, http.StatusNoContent, nil)
}

// request makes a request, whose response must have the status, and decodes it into answer
// unless that is nil.
func (g *gitea) request(ctx context.Context, method, path string, status int, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, g.url+path, http.NoBody)
	if err != nil {
		return err
	}
	r.SetBasicAuth(g.owner, g.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != status {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, body)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
