package render

import (
	"slices"

	yamlv2 "go.yaml.in/yaml/v2"
	"helm.sh/helm/v4/pkg/chart/common"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
)

// KubernetesAPIs returns the APIs of Kubernetes that Helm knows, and others, for a chart that is rendered
// without a cluster.
func KubernetesAPIs(others ...string) []string {
	return append(slices.Clone(common.DefaultVersionSet), others...)
}

// apisFor returns the APIs that a chart finds in the cluster. helm-controller applies what is in the crds folders of
// the chart and its sub-charts first, unless it is told to skip that, and Helm asks what the cluster serves after
// that. Reading them takes time, so they are only read if templates ask.
func apisFor(in *Input, chart *helmchart.Chart) common.VersionSet {
	served := slices.Clone(in.APIVersions)
	if len(served) == 0 {
		served = KubernetesAPIs()
	}
	if in.SkipCRDs || !asks(chart, "APIVersions") {
		return served
	}
	for _, file := range chart.CRDObjects() {
		for _, text := range manifests(string(file.File.Data)) {
			served = append(served, apisOf(text)...)
		}
	}
	return served
}

// apisOf returns the APIs that a CustomResourceDefinition adds; none, if the text is not one.
func apisOf(text string) []string {
	var definition struct {
		Kind string
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Served bool
			}
		}
	}
	if err := yamlv2.Unmarshal([]byte(text), &definition); err != nil || definition.Kind != "CustomResourceDefinition" {
		return nil
	}
	var apis []string
	for _, version := range definition.Spec.Versions {
		if api := definition.Spec.Group + "/" + version.Name; version.Served {
			apis = append(apis, api, api+"/"+definition.Spec.Names.Kind)
		}
	}
	return apis
}
