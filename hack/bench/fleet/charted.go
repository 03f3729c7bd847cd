package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Charted are applications that share charts.
type Charted struct {
	Apps   []App
	Charts []Chart
	// URL is where the archives are served, each by the name of its chart.
	URL string
}

// ChartOf returns the chart of the i-th application.
func (c *Charted) ChartOf(i int) *Chart { return &c.Charts[i%len(c.Charts)] }

// Values returns the values of an application for its chart.
func (c *Charted) Values(a *App) ([]byte, error) {
	return json.Marshal(object{
		"replicaCount": 2, "fullnameOverride": a.name,
		"image":     object{"repository": a.image(), "tag": a.tag(), "pullPolicy": "IfNotPresent"},
		"service":   object{"type": "ClusterIP", "port": 8080},
		"ingress":   object{"enabled": true, "className": "nginx", "hosts": []any{object{"host": a.name + ".example.com", "paths": []any{object{"path": "/", "pathType": "Prefix"}}}}},
		"resources": object{"requests": object{"cpu": "100m", "memory": "256Mi"}, "limits": object{"memory": "512Mi"}},
	})
}

// Load creates the applications' releases, suspended but for the last awake ones, and the HelmCharts
// that helm-controller would have made for them, with the artifacts that source-controller would have.
func (c *Charted) Load(ctx context.Context, to client.Client, awake int) error {
	for team := range namespaces(len(c.Apps)) {
		if err := to.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespaceOf(team)}}, applier); err != nil {
			return err
		}
	}
	return Each(ctx, len(c.Apps), func(ctx context.Context, i int) error {
		app, chart := &c.Apps[i], c.ChartOf(i)
		values, err := c.Values(app)
		if err != nil {
			return err
		}
		release := &helmv2.HelmRelease{ObjectMeta: app.meta(app.namespace, app.name), Spec: helmv2.HelmReleaseSpec{
			Suspend: i < len(c.Apps)-awake, Interval: metav1.Duration{Duration: time.Hour}, Values: &apiextensionsv1.JSON{Raw: values},
			Chart: &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
				Chart: chart.Name, Version: "0.1.0", SourceRef: helmv2.CrossNamespaceObjectReference{Kind: "HelmRepository", Name: "charts"},
			}},
		}}
		if err := to.Create(ctx, release, applier); err != nil {
			return err
		}
		return c.createHelmChart(ctx, to, app, chart)
	})
}

func (c *Charted) createHelmChart(ctx context.Context, to client.Client, app *App, chart *Chart) error {
	made := &unstructured.Unstructured{Object: object{"spec": object{
		"chart": chart.Name, "version": "0.1.0", "interval": "1h", "sourceRef": object{"kind": "HelmRepository", "name": "charts"},
	}}}
	made.SetAPIVersion("source.toolkit.fluxcd.io/v1")
	made.SetKind("HelmChart")
	made.SetNamespace(app.namespace)
	made.SetName(app.namespace + "-" + app.name)
	made.SetLabels(map[string]string{"helm.toolkit.fluxcd.io/name": app.name, "helm.toolkit.fluxcd.io/namespace": app.namespace})
	if err := to.Create(ctx, made, keeper); err != nil {
		return fmt.Errorf("creating HelmChart %s: %w", made.GetName(), err)
	}
	sum := sha256.Sum256(chart.Archive)
	made.Object["status"] = object{"observedGeneration": made.GetGeneration(), "artifact": object{
		"url": c.URL + "/" + chart.Name, "path": chart.Name, "revision": "0.1.0", "digest": "sha256:" + hex.EncodeToString(sum[:]),
		"lastUpdateTime": start().Format(time.RFC3339), "size": int64(len(chart.Archive)),
	}}
	return to.Status().Update(ctx, made, keeper)
}
