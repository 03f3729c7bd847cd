package controllers

import (
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// coreMapper knows the kinds that every cluster serves without asking the API server, which may be away
// when the caches are set up. It asks for the others.
type coreMapper struct {
	apimeta.RESTMapper
	core *apimeta.DefaultRESTMapper
}

func newMapper(config *rest.Config, httpClient *http.Client) (apimeta.RESTMapper, error) {
	dynamic, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return nil, err
	}
	core := apimeta.NewDefaultRESTMapper(nil)
	core.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), apimeta.RESTScopeNamespace)
	core.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), apimeta.RESTScopeRoot)
	return &coreMapper{dynamic, core}, nil
}

// RESTMapping returns the mapping of a kind. An error of the API server is never mixed with one that a
// kind is not served.
func (m *coreMapper) RESTMapping(kind schema.GroupKind, versions ...string) (*apimeta.RESTMapping, error) {
	if mapping, err := m.core.RESTMapping(kind, versions...); err == nil {
		return mapping, nil
	}
	return m.RESTMapper.RESTMapping(kind, versions...)
}
