// Package flux has Flux's objects as far as pins depend on them. They are decoded instead of
// Flux's own types, because what is not read cannot fail: with those, one object with
// interval: 99999999999h, which the API server takes and Go's durations do not, keeps every
// object of its kind from being read. And what is not read is not held in memory.
//
// +kubebuilder:object:generate=true
package flux

import (
	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// AddToScheme adds the kinds to a scheme, in the versions that Flux's packages are of.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(helmv2.GroupVersion, &HelmRelease{}, &HelmReleaseList{})
	metav1.AddToGroupVersion(scheme, helmv2.GroupVersion)
	scheme.AddKnownTypes(imagev1.GroupVersion, &ImagePolicy{}, &ImagePolicyList{}, &ImageRepository{}, &ImageRepositoryList{})
	metav1.AddToGroupVersion(scheme, imagev1.GroupVersion)
	scheme.AddKnownTypes(SourceGroupVersion(), &HelmChart{}, &HelmChartList{}, &OCIRepository{}, &OCIRepositoryList{},
		&GitRepository{}, &GitRepositoryList{}, &Bucket{}, &BucketList{}, &ExternalArtifact{}, &ExternalArtifactList{}, &HelmRepository{}, &HelmRepositoryList{})
	metav1.AddToGroupVersion(scheme, SourceGroupVersion())
	return nil
}
