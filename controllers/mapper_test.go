package controllers

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// While the API server is away, the caches can be set up, and it is not known which other kinds it
// serves.
func TestMapperWithoutAPIServer(t *testing.T) {
	mapper, err := newMapper(&rest.Config{Host: "https://127.0.0.1:1"}, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ConfigMap", "Namespace"} {
		if _, err := mapper.RESTMapping(corev1.SchemeGroupVersion.WithKind(kind).GroupKind(), "v1"); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	_, err = mapper.RESTMapping(schema.GroupKind{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease"}, "v2")
	if err == nil || apimeta.IsNoMatchError(err) {
		t.Errorf("got %v, want that the API server cannot be reached", err)
	}
}
