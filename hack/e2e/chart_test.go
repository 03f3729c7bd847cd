//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"testing"
	"testing/fstest"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// chartWith returns the chart with a name, a version, and default values, as Helm packs it.
func (w *world) chartWith(name, version, defaults string) []byte {
	w.t.Helper()
	chart, err := testbed.Archive(w.filesOfChart(name, version, defaults))
	localtest.Must(w.t, err)
	return chart
}

func (w *world) filesOfChart(name, version, defaults string) fstest.MapFS {
	w.t.Helper()
	files := fstest.MapFS{}
	for _, file := range []string{"templates/_helpers.tpl", "templates/deployment.yaml", "templates/hook.yaml"} {
		text, err := os.ReadFile(path.Join("..", "local", "testbed", "testdata", testbed.ChartName, file))
		localtest.Must(w.t, err)
		files[path.Join(name, file)] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	files[path.Join(name, "Chart.yaml")] = &fstest.MapFile{Data: fmt.Appendf(nil, "apiVersion: v2\nname: %s\nversion: %s\n", name, version), Mode: 0o644}
	files[path.Join(name, "values.yaml")] = &fstest.MapFile{Data: []byte("replicas: 1\ninit: {}\nargs: []\n" + defaults), Mode: 0o644}
	return files
}

// pushOwnChart pushes a version of a chart whose own images have the version as their tag.
func (w *world) pushOwnChart(version string) {
	w.t.Helper()
	w.registry.push("own", version)
	w.registry.push("own-hook", version)
	defaults := fmt.Sprintf("image: {repository: %s, tag: %q}\nhook: {image: {repository: %s, tag: %q}}\n",
		w.registry.Name("own"), version, w.registry.Name("own-hook"), version)
	config := map[string]string{"apiVersion": "v2", "name": "own", "version": version}
	localtest.Must(w.t, w.registry.PushArtifact(w.t.Context(), "own-chart", version, testbed.ChartConfigType, config, testbed.ChartContentType,
		w.chartWith("own", version, defaults)))
}

// What only the chart of a release names is pinned, and so is the chart itself, for one that was created suspended, too, and
// through a new version of the chart until the release is live.
func TestChart(t *testing.T) {
	s := newStory(t)
	s.pushOwnChart("1.0.0")
	s.create(testbed.SourceAPI, "OCIRepository", "own", map[string]any{
		"url": "oci://" + s.registry.Name("own-chart"), "insecure": true, "interval": "1s",
		"ref": map[string]any{"semver": "1.x"}, "secretRef": map[string]any{"name": testbed.LoginSecret},
	})
	s.fetched("OCIRepository", "own")
	s.releaseWith("own", true, values{}, func(release *helmv2.HelmRelease) { release.Spec.ChartRef.Name = "own" })
	s.lists(testbed.Pin("own", "1.0.0"), testbed.Pin("own-hook", "1.0.0"), testbed.Pin("own-chart", "1.0.0"))
	s.cleans()

	s.pushOwnChart("1.1.0")
	// What was pinned before the chart was rendered first counts as what the release may have run.
	s.lists(testbed.Pin("own", "1.1.0"), testbed.Pin("own-hook", "1.1.0"), testbed.Pin("own-chart", "1.0.0"), testbed.Pin("own-chart", "1.1.0"))
	s.cleans(testbed.Pin("own", "1.0.0"), testbed.Pin("own-hook", "1.0.0"))
	s.Needs(testbed.Pin("own", "1.1.0"), testbed.Pin("own-chart", "1.1.0"))
	s.setSuspend("own", false)
	s.isLive("own", "own:1.1.0")
	s.MayRemove(testbed.Pin("own", "1.1.0"), testbed.Pin("own-chart", "1.1.0"))
}

// fetched waits until source-controller has fetched what an object names.
func (w *world) fetched(kind, name string) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion(testbed.SourceAPI)
		o.SetKind(kind)
		err := w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, o)
		_, ok, _ := unstructured.NestedMap(o.Object, "status", "artifact")
		return err == nil && ok, fmt.Sprint(err, asJSON(o.Object))
	})
}

// The same for a release that has a HelmChart since it was live.
func TestHelmChart(t *testing.T) {
	s := newStory(t)
	build := s.registry.push("own", "1.0.0")
	classic := s.offerClassicChart()
	path := "/api/packages/" + s.sources.Owner + "/helm"
	defaults := fmt.Sprintf("image: {repository: %s, tag: 1.0.0}\nhook: {}\n", s.registry.Name("own"))
	_, err := s.sources.Send(t.Context(), http.MethodPost, path+"/api/charts", "application/gzip", s.chartWith("own", "1.0.0", defaults), http.StatusCreated)
	localtest.Must(t, err)
	s.releaseWith("own", false, values{}, classic, func(release *helmv2.HelmRelease) { release.Spec.Chart.Spec.Chart = "own" })
	s.isLive("own", "own:1.0.0")
	s.suspend("own", testbed.Pin("own", "1.0.0"))
	s.cleans()
	s.registry.expectWhole("own", "1.0.0", build)
}

// offerOwnChart offers a classic Helm repository with a version of a chart whose own image has the version
// as its tag. It returns what makes a release of it.
func (w *world) offerOwnChart(version string) func(*helmv2.HelmRelease) {
	w.t.Helper()
	path := "/api/packages/" + w.sources.Owner + "/helm/api/charts"
	defaults := fmt.Sprintf("image: {repository: %s, tag: %s}\nhook: {}\n", w.registry.Name("own"), version)
	_, err := w.sources.Send(w.t.Context(), http.MethodPost, path, "application/gzip", w.chartWith("own", version, defaults), http.StatusCreated)
	localtest.Must(w.t, err)
	classic := w.offerClassicChart()
	return func(release *helmv2.HelmRelease) {
		classic(release)
		template := &release.Spec.Chart.Spec
		template.Chart, template.Version, template.ValuesFiles = "own", "1.x", []string{"values.yaml"}
	}
}

// awaitHelmChart waits until the HelmChart of a release, nil if there is none, meets a condition.
func (w *world) awaitHelmChart(release, want string, met func(*unstructured.Unstructured) bool) *unstructured.Unstructured {
	w.t.Helper()
	o := testbed.FluxObject(testbed.SourceAPI, "HelmChart", w.namespace, w.namespace+"-"+release, nil)
	localtest.Until(w.t, func() (bool, string) {
		err := w.Client.Get(w.t.Context(), client.ObjectKeyFromObject(o), o)
		if apierrors.IsNotFound(err) {
			return met(nil), "there is no HelmChart; want that it " + want
		}
		return err == nil && met(o), fmt.Sprint(err, asJSON(o.Object), "; want that it ", want)
	})
	return o
}

// A release that was created suspended gets the HelmChart that helm-controller makes at the resume, so that
// source-controller fetches its chart: its images are pinned. helm-controller takes it over as it is; and
// it goes with a release that was never resumed.
func TestRequestedChart(t *testing.T) {
	s := newStory(t, "missingHelmCharts: Create")
	build := s.registry.push("own", "1.0.0")
	classic := s.offerOwnChart("1.0.0")
	isRequested := func(o *unstructured.Unstructured) bool {
		return o != nil && o.GetLabels()[v1alpha1.RequestedByLabel] != ""
	}
	s.releaseWith("own", true, values{}, classic)
	s.lists(testbed.Pin("own", "1.0.0"))
	s.Needs(testbed.Pin("own", "1.0.0"))
	s.cleans()
	s.registry.expectWhole("own", "1.0.0", build)
	made := s.awaitHelmChart("own", "is requested", isRequested)

	s.releaseWith("other", true, values{}, classic)
	s.awaitHelmChart("other", "is requested", isRequested)
	localtest.Must(t, s.Client.Delete(t.Context(), s.releaseNamed("other")))
	s.awaitHelmChart("other", "is removed", func(o *unstructured.Unstructured) bool { return o == nil })

	s.setSuspend("own", false)
	s.isLive("own", "own:1.0.0")
	taken := s.awaitHelmChart("own", "is taken over", func(o *unstructured.Unstructured) bool { return o != nil && !isRequested(o) })
	if taken.GetUID() != made.GetUID() || taken.GetGeneration() != made.GetGeneration() {
		t.Errorf("helm-controller has made %s of %s", asJSON(taken.Object), asJSON(made.Object))
	}
	// What helm-controller does without later goes, too: no other manager has it.
	s.MayRemove(testbed.Pin("own", "1.0.0"))
	s.changeRelease("own", func(release *helmv2.HelmRelease) { release.Spec.Chart.Spec.ValuesFiles = nil })
	s.awaitHelmChart("own", "has no valuesFiles", func(o *unstructured.Unstructured) bool {
		_, ok, _ := unstructured.NestedSlice(o.Object, "spec", "valuesFiles")
		return !ok
	})
	s.lists()
}

// A chart that Gitea keeps in a classic Helm repository is pinned like the images of its owner, and check
// sees whether Gitea has it.
func TestClassicChart(t *testing.T) {
	w := newWorld(t)
	w.registry.push("app", "1")
	w.releaseWith("app", true, values{"image": w.image("app", "1")}, w.offerClassicChart())
	w.startWith(fmt.Sprintf("registries: [{host: %[1]q, owner: %[2]s}, {host: %[1]q, owner: %[3]s}]", gitea.Host, w.registry.Owner, w.sources.Owner))
	w.expectList(testbed.Pin("app", "1"), "helm/"+testbed.ChartName+"=="+testbed.ChartVersion)
	chart := "helm://" + w.sources.Name(testbed.ChartName) + ":" + testbed.ChartVersion
	w.reported(chart) // the list alone does not say whose the chart is
	want := map[string]string{w.registry.Name("app:1"): "present", chart: "present"}
	w.host.logIn(gitea.Token)
	w.host.expectCheck(0, want)
	path := "/api/v1/packages/" + w.sources.Owner + "/helm/" + testbed.ChartName + "/" + testbed.ChartVersion
	_, err := w.sources.Send(t.Context(), http.MethodDelete, path, "", nil, http.StatusNoContent)
	localtest.Must(t, err)
	want[chart] = "missing"
	w.host.expectCheck(exitMissing, want)
}
