//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path"
	"testing"
	"testing/fstest"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// chartWith returns the chart with a name, a version, and default values.
func (w *world) chartWith(name, version, defaults string) []byte {
	w.t.Helper()
	files := fstest.MapFS{}
	for _, file := range []string{"templates/_helpers.tpl", "templates/deployment.yaml", "templates/hook.yaml"} {
		text, err := os.ReadFile(path.Join("testdata", chartName, file))
		localtest.Must(w.t, err)
		files[path.Join(name, file)] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	files[path.Join(name, "Chart.yaml")] = &fstest.MapFile{Data: fmt.Appendf(nil, "apiVersion: v2\nname: %s\nversion: %s\n", name, version), Mode: 0o644}
	files[path.Join(name, "values.yaml")] = &fstest.MapFile{Data: []byte("replicas: 1\ninit: {}\nargs: []\n" + defaults), Mode: 0o644}
	return archive(w.t, files)
}

// pushOwnChart pushes a version of a chart whose own images have the version as their tag.
func (w *world) pushOwnChart(version string) {
	w.t.Helper()
	w.registry.push("own", version)
	w.registry.push("own-hook", version)
	defaults := fmt.Sprintf("image: {repository: %s, tag: %q}\nhook: {image: {repository: %s, tag: %q}}\n",
		w.registry.name("own"), version, w.registry.name("own-hook"), version)
	config := map[string]string{"apiVersion": "v2", "name": "own", "version": version}
	w.registry.pushArtifact("own-chart", version, chartConfigType, config, chartContentType, w.chartWith("own", version, defaults))
}

// What only the chart of a release names is pinned, and so is the chart itself, for one that was created suspended, too, and
// through a new version of the chart until the release is live.
func TestChart(t *testing.T) {
	s := newStory(t)
	s.pushOwnChart("1.0.0")
	s.create(sourceAPI, "OCIRepository", "own", map[string]any{
		"url": "oci://" + s.registry.name("own-chart"), "insecure": true, "interval": "1s",
		"ref": map[string]any{"semver": "1.x"}, "secretRef": map[string]any{"name": loginSecret},
	})
	s.fetched("OCIRepository", "own")
	s.releaseWith("own", true, values{}, func(release *helmv2.HelmRelease) { release.Spec.ChartRef.Name = "own" })
	s.lists(pin("own", "1.0.0"), pin("own-hook", "1.0.0"), pin("own-chart", "1.0.0"))
	s.cleans()

	s.pushOwnChart("1.1.0")
	// What was pinned before the chart was rendered first counts as what the release may have run.
	s.lists(pin("own", "1.1.0"), pin("own-hook", "1.1.0"), pin("own-chart", "1.0.0"), pin("own-chart", "1.1.0"))
	s.cleans(pin("own", "1.0.0"), pin("own-hook", "1.0.0"))
	s.Needs(pin("own", "1.1.0"), pin("own-chart", "1.1.0"))
	s.setSuspend("own", false)
	s.isLive("own", "own:1.1.0")
	s.MayRemove(pin("own", "1.1.0"), pin("own-chart", "1.1.0"))
}

// fetched waits until source-controller has fetched what an object names.
func (w *world) fetched(kind, name string) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion(sourceAPI)
		o.SetKind(kind)
		err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, o)
		_, ok, _ := unstructured.NestedMap(o.Object, "status", "artifact")
		return err == nil && ok, fmt.Sprint(err, asJSON(o.Object))
	})
}

// The same for a release that has a HelmChart since it was live.
func TestHelmChart(t *testing.T) {
	s := newStory(t)
	build := s.registry.push("own", "1.0.0")
	classic := s.offerClassicChart()
	path := "/api/packages/" + s.sources.owner + "/helm"
	defaults := fmt.Sprintf("image: {repository: %s, tag: 1.0.0}\nhook: {}\n", s.registry.name("own"))
	s.sources.send("POST", path+"/api/charts", "application/gzip", s.chartWith("own", "1.0.0", defaults), 201)
	s.releaseWith("own", false, values{}, classic, func(release *helmv2.HelmRelease) { release.Spec.Chart.Spec.Chart = "own" })
	s.isLive("own", "own:1.0.0")
	s.suspend("own", pin("own", "1.0.0"))
	s.cleans()
	s.registry.expectWhole("own", "1.0.0", build)
}
