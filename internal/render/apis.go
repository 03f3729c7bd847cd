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

// apis returns the APIs that a chart finds in the cluster.
func (in *Input) apis() []string {
	if len(in.APIVersions) == 0 {
		return KubernetesAPIs()
	}
	return in.APIVersions
}

// withOwnAPIs returns an input with the APIs that the chart defines itself, too, or nil if it has them, or the chart
// does not ask for APIs.
func (c *Charts) withOwnAPIs(in *Input) *Input {
	loaded, _ := c.load(in)
	if loaded == nil {
		return nil
	}
	return in.with(loaded.missingAPIs(in))
}

// missingAPIs returns the APIs that the chart defines itself and the cluster does not serve.
func (l *loaded) missingAPIs(in *Input) []string {
	served := in.apis()
	return slices.DeleteFunc(slices.Clone(l.apis), func(api string) bool { return slices.Contains(served, api) })
}

// with returns the input with more APIs; nil, there are none.
func (in *Input) with(apis []string) *Input {
	if len(apis) == 0 {
		return nil
	}
	with := *in
	with.APIVersions = slices.Concat(in.apis(), apis)
	return &with
}

// definedBy returns the APIs that the CustomResourceDefinitions in the crds folders of a chart and its sub-charts
// define; none, if no template asks for APIs.
func definedBy(chart *helmchart.Chart) []string {
	if !asks(chart, "APIVersions") {
		return nil
	}
	var apis []string
	for _, file := range chart.CRDObjects() {
		for _, text := range manifests(string(file.File.Data)) {
			apis = append(apis, definedIn(text)...)
		}
	}
	return apis
}

// definedIn returns the APIs that a CustomResourceDefinition defines; none, if the text is not one.
func definedIn(text string) []string {
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
