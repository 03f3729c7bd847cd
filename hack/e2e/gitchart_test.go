//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// offerGitRepository creates an empty repository of the owner, and a GitRepository.
func (w *world) offerGitRepository(name string) {
	w.t.Helper()
	w.send(http.MethodPost, "/api/v1/orgs/"+w.sources.Owner+"/repos", map[string]any{"name": name, "auto_init": true, "default_branch": "main"})
	w.create(testbed.SourceAPI, "GitRepository", name, map[string]any{
		"url": "http://" + w.sources.Name(name) + ".git", "ref": map[string]any{"branch": "main"}, "interval": "1s",
		"secretRef": map[string]any{"name": testbed.LoginSecret},
	})
}

// send sends JSON to Gitea, which creates what it describes.
func (w *world) send(method, path string, value any) {
	w.t.Helper()
	body, err := json.Marshal(value)
	localtest.Must(w.t, err)
	_, err = w.sources.Send(w.t.Context(), method, path, "application/json", body, http.StatusCreated)
	localtest.Must(w.t, err)
}

// commitOwnChart commits the folder of a chart whose own image has a tag, which it pushes.
func (w *world) commitOwnChart(repository, tag string) {
	w.t.Helper()
	w.registry.push("own", tag)
	defaults := fmt.Sprintf("image: {repository: %s, tag: %s}\nhook: {}\n", w.registry.Name("own"), tag)
	var changes []map[string]any
	for file, content := range w.filesOfChart("own", "1.0.0", defaults) {
		changes = append(changes, map[string]any{"operation": "upload", "path": "charts/" + file, "content": content.Data})
	}
	w.send(http.MethodPost, "/api/v1/repos/"+w.sources.Owner+"/"+repository+"/contents", map[string]any{"branch": "main", "files": changes})
}

// What only a chart in a Git repository names is pinned for a release that was created suspended, although
// helm-controller has made no HelmChart of it, and is so through a new commit until the release is live.
func TestChartInGit(t *testing.T) {
	s := newStory(t)
	s.offerGitRepository("charts")
	s.commitOwnChart("charts", "1")
	s.fetched("GitRepository", "charts")
	s.releaseWith("own", true, values{}, func(release *helmv2.HelmRelease) {
		release.Spec.ChartRef = nil
		release.Spec.Chart = &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
			Chart: "./charts/own", ReconcileStrategy: "Revision",
			SourceRef: helmv2.CrossNamespaceObjectReference{Kind: "GitRepository", Name: "charts"},
		}}
	})
	s.lists(testbed.Pin("own", "1"))
	s.Needs(testbed.Pin("own", "1"))
	s.cleans()

	s.MayRemove(testbed.Pin("own", "1"))
	s.commitOwnChart("charts", "2")
	s.Needs(testbed.Pin("own", "2"))
	s.lists(testbed.Pin("own", "2"))
	s.cleans(testbed.Pin("own", "1"))
	s.resume("own", "own:2", testbed.Pin("own", "2"))
}
