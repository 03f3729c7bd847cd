package snapshot

import (
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// Scheme knows the kinds that snapshots are taken of, and Kubernetes' own.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(clientgoscheme.AddToScheme, flux.AddToScheme)
	return scheme, builder.AddToScheme(scheme)
}
