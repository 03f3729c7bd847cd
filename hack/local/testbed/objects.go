package testbed

import (
	"encoding/json"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// LoginSecret is the name of a Secret with a password for Gitea.
	LoginSecret = "registry"

	// SourceAPI is the API version of Flux's sources.
	SourceAPI = "source.toolkit.fluxcd.io/v1"

	// scanInterval is how often image-reflector-controller looks for tags.
	scanInterval = time.Second
)

// Login returns a Secret for pulling images and for Helm repositories.
func (r *Registry) Login(namespace string) (*corev1.Secret, error) {
	login := map[string]string{"username": r.Gitea.User, "password": r.Gitea.Token}
	docker, err := json.Marshal(map[string]any{"auths": map[string]any{r.Gitea.Host: login}})
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: LoginSecret}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: docker}, StringData: login,
	}, err
}

// ChartSource returns the OCIRepository of the chart that PushChart has pushed.
func (r *Registry) ChartSource(namespace string) *unstructured.Unstructured {
	return FluxObject(SourceAPI, "OCIRepository", namespace, ChartName, map[string]any{
		"url": "oci://" + r.Name(ChartName), "insecure": true, "interval": time.Hour.String(),
		"ref": map[string]any{"tag": ChartVersion}, "secretRef": map[string]any{"name": LoginSecret},
		"layerSelector": map[string]any{"mediaType": ChartContentType, "operation": "copy"},
	})
}

// FluxObject returns an object of a kind of Flux of which pinsync has no types.
func FluxObject(apiVersion, kind, namespace, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{"namespace": namespace, "name": name}, "spec": spec,
	}}
}

// NewRelease returns the manifest of a HelmRelease of the chart of ChartSource.
func NewRelease(namespace, name string, suspend bool, values *apiextensionsv1.JSON) *helmv2.HelmRelease {
	return &helmv2.HelmRelease{
		TypeMeta:   metav1.TypeMeta{APIVersion: helmv2.GroupVersion.String(), Kind: helmv2.HelmReleaseKind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: helmv2.HelmReleaseSpec{
			ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: ChartName},
			Suspend:  suspend, Values: values,
			Interval: metav1.Duration{Duration: 5 * time.Second}, Timeout: &metav1.Duration{Duration: time.Minute},
		},
	}
}

// ImageRepository returns the manifest of an ImageRepository, which is scanned every second.
func (r *Registry) ImageRepository(namespace, name, image string) *imagev1.ImageRepository {
	return &imagev1.ImageRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: imagev1.ImageRepositorySpec{
			Image: r.Name(image), Interval: metav1.Duration{Duration: scanInterval},
			Insecure: true, SecretRef: &meta.LocalObjectReference{Name: LoginSecret},
		},
	}
}

// ImagePolicy returns the manifest of an ImagePolicy for an ImageRepository of its name.
func ImagePolicy(namespace, name string, tags *imagev1.TagFilter, choice imagev1.ImagePolicyChoice) *imagev1.ImagePolicy {
	return &imagev1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: imagev1.ImagePolicySpec{
			ImageRepositoryRef: meta.NamespacedObjectReference{Name: name}, FilterTags: tags, Policy: choice,
			DigestReflectionPolicy: imagev1.ReflectAlways, Interval: &metav1.Duration{Duration: scanInterval},
		},
	}
}

// FollowTag returns what makes an ImagePolicy follow one tag.
func FollowTag(tag string) (*imagev1.TagFilter, imagev1.ImagePolicyChoice) {
	return &imagev1.TagFilter{Pattern: "^" + tag + "$"}, imagev1.ImagePolicyChoice{Alphabetical: &imagev1.AlphabeticalPolicy{}}
}
