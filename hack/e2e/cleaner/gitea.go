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

// pageSize is how many versions are asked for at a time; Gitea takes at most 50.
const pageSize = 50

// mostBytes is the size that an answer may have.
const mostBytes = 16 << 20

// gitea is one owner's packages in Gitea.
type gitea struct{ url, owner, token string }

// versions lists all versions of all images.
func (g *gitea) versions(ctx context.Context) ([]version, error) {
	var all []version
	for page := 1; ; page++ {
		var packages []struct{ Name, Version string }
		path := fmt.Sprintf("/api/v1/packages/%s?type=container&limit=%d&page=%d", url.PathEscape(g.owner), pageSize, page)
		if err := g.ask(ctx, http.MethodGet, path, http.StatusOK, &packages); err != nil {
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

// children returns the digests that a version's manifest has as children: none if it
// is not an index.
func (g *gitea) children(ctx context.Context, v version) ([]string, error) {
	var manifest struct {
		Manifests []struct{ Digest string }
	}
	path := "/v2/" + g.owner + "/" + v.image + "/manifests/" + v.version
	if err := g.ask(ctx, http.MethodGet, path, http.StatusOK, &manifest); err != nil {
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
	return g.ask(ctx, http.MethodDelete, path, http.StatusNoContent, nil)
}

// ask makes a request, whose answer must have the status, and reads it into answer
// unless that is nil.
func (g *gitea) ask(ctx context.Context, method, path string, status int, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, g.url+path, http.NoBody)
	if err != nil {
		return err
	}
	request.SetBasicAuth(g.owner, g.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
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
