package convert

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// Scheme knows the kinds that snapshots are taken of, and Kubernetes' core.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(corev1.AddToScheme, flux.AddToScheme)
	return scheme, builder.AddToScheme(scheme)
}
