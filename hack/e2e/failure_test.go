//go:build e2e

package e2e

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// logFlux logs the conditions of Flux's objects if the test has failed: most often one of
// them has the reason.
func (w *world) logFlux() {
	if !w.t.Failed() {
		return
	}
	for _, kind := range []schema.GroupVersionKind{
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "OCIRepository"},
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "HelmRepository"},
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "HelmChart"},
		{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"},
		{Group: "image.toolkit.fluxcd.io", Version: "v1", Kind: "ImageRepository"},
		{Group: "image.toolkit.fluxcd.io", Version: "v1", Kind: "ImagePolicy"},
		{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"},
	} {
		var found unstructured.UnstructuredList
		found.SetGroupVersionKind(kind)
		if err := w.Client.List(context.Background(), &found, client.InNamespace(w.namespace)); err != nil {
			w.t.Log(kind.Kind, err)
		}
		for _, object := range found.Items {
			conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
			w.t.Log(kind.Kind, object.GetName(), asJSON(conditions))
		}
	}
}
