//go:build e2e

package e2e

import (
	"net/http"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// offerChart pushes the chart and creates the OCIRepository that releases refer to.
func (w *world) offerChart() {
	w.t.Helper()
	login, err := w.sources.Login(w.namespace)
	localtest.Must(w.t, err)
	localtest.Must(w.t, w.Client.Create(w.t.Context(), login))
	localtest.Must(w.t, w.sources.PushChart(w.t.Context()))
	localtest.Must(w.t, w.Client.Create(w.t.Context(), w.sources.ChartSource(w.namespace)))
	// A release whose chart comes later makes the list incomplete for a moment.
	w.fetched("OCIRepository", testbed.ChartName)
}

// offerClassicChart uploads the chart to a classic Helm repository, and creates a
// HelmRepository. It returns what makes a release of it.
func (w *world) offerClassicChart() func(*helmv2.HelmRelease) {
	w.t.Helper()
	path := "/api/packages/" + w.sources.Owner + "/helm"
	chart, err := testbed.Chart()
	localtest.Must(w.t, err)
	_, err = w.sources.Send(w.t.Context(), http.MethodPost, path+"/api/charts", "application/gzip", chart, http.StatusCreated)
	localtest.Must(w.t, err)
	w.create(testbed.SourceAPI, "HelmRepository", "classic", map[string]any{
		"url": "http://" + gitea.Host + path, "interval": time.Hour.String(), "secretRef": map[string]any{"name": testbed.LoginSecret},
	})
	return func(release *helmv2.HelmRelease) {
		release.Spec.ChartRef = nil
		release.Spec.Chart = &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
			Chart: testbed.ChartName, Version: testbed.ChartVersion,
			SourceRef: helmv2.CrossNamespaceObjectReference{Kind: "HelmRepository", Name: "classic"},
		}}
	}
}

// create creates an object of a kind of Flux of which pinsync has no types.
func (w *world) create(apiVersion, kind, name string, spec map[string]any) {
	w.t.Helper()
	localtest.Must(w.t, w.Client.Create(w.t.Context(), testbed.FluxObject(apiVersion, kind, w.namespace, name, spec)))
}
