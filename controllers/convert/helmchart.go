package convert

import (
	"cmp"
	"maps"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// HelmChartOf returns the HelmChart that helm-controller makes at the resume of a release that has a
// chart, with the label that says who requests it before.
func HelmChartOf(o *helmv2.HelmRelease, requestedBy string) *unstructured.Unstructured {
	template := &o.Spec.Chart.Spec
	spec := map[string]any{
		"chart": template.Chart, "interval": o.Spec.Chart.GetInterval(o.Spec.Interval).Duration.String(),
		"sourceRef": map[string]any{"kind": template.SourceRef.Kind, "name": template.SourceRef.Name},
	}
	for name, text := range map[string]string{"version": template.Version, "reconcileStrategy": template.ReconcileStrategy} {
		if text != "" {
			spec[name] = text
		}
	}
	if len(template.ValuesFiles) > 0 {
		files := make([]any, len(template.ValuesFiles))
		for i, file := range template.ValuesFiles {
			files[i] = file
		}
		spec["valuesFiles"] = files
	}
	if template.IgnoreMissingValuesFiles {
		spec["ignoreMissingValuesFiles"] = true
	}
	if verify := template.Verify; verify != nil {
		fields := map[string]any{"provider": verify.Provider}
		if verify.SecretRef != nil {
			fields["secretRef"] = map[string]any{"name": verify.SecretRef.Name}
		}
		spec["verify"] = fields
	}
	chart := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	chart.SetGroupVersionKind(flux.SourceGroupVersion().WithKind(flux.HelmChartKind))
	chart.SetNamespace(o.Spec.Chart.GetNamespace(o.Namespace))
	chart.SetName(o.GetHelmChartName())
	labels := map[string]string{}
	if metadata := o.Spec.Chart.ObjectMeta; metadata != nil {
		chart.SetAnnotations(metadata.Annotations)
		maps.Copy(labels, metadata.Labels)
	}
	labels[releaseNameLabel], labels[releaseNamespaceLabel], labels[v1alpha1.RequestedByLabel] = o.Name, o.Namespace, requestedBy
	chart.SetLabels(labels)
	return chart
}

// RequestedBy returns the value of the label on the HelmCharts that are made for a list.
func RequestedBy(namespace, list string) string {
	return shorten(namespace+"."+list, validation.LabelValueMaxLength)
}

// HelmChartName returns the HelmChart of a release, in the namespace of its source. helm-controller
// composes the name so: HelmRelease.GetHelmChartName in its API.
func HelmChartName(namespace string, release object.Name) object.Name {
	return object.Name{Namespace: namespace, Name: release.Namespace + "-" + release.Name}
}

// helmChartNamespaceOf returns the namespace of the HelmChart that helm-controller makes for a release;
// empty, it makes none.
func helmChartNamespaceOf(o *flux.HelmRelease) string {
	if o.Spec.Chart == nil || o.Spec.ChartRef != nil {
		return ""
	}
	return cmp.Or(o.Spec.Chart.Spec.SourceRef.Namespace, o.Namespace)
}
