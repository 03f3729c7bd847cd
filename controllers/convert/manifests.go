package convert

import (
	"encoding/json"
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/manifest"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Manifests builds a snapshot from manifests instead of a cluster.
type Manifests struct {
	snapshot pin.Snapshot
	releases []*flux.HelmRelease
	sources  map[SourceRef]map[string]string
	// origins says where each object was read.
	origins map[string]string
}

// SecretsIgnored is why a Secret is not read unless the configuration says so.
const SecretsIgnored = "is not read, because the configuration's secretValues is Ignore: " +
	"an image that only it names is not pinned"

// Add takes an object into the snapshot if pins depend on its kind. Of Flux's
// kinds it takes every version, for the fields that matter are the same in all
// that Flux serves. It returns an error for an object that was there already, or in
// which a field that matters is not of its kind's form.
func (m *Manifests) Add(object manifest.Object) error {
	s := &m.snapshot
	switch object.GroupKind() {
	case schema.GroupKind{Kind: "Namespace"}:
		return add(m, object, func(o *metav1.PartialObjectMetadata) { s.Namespaces = append(s.Namespaces, Namespace(o)) })
	case schema.GroupKind{Kind: "ConfigMap"}:
		return add(m, object, func(o *corev1.ConfigMap) { m.sources[SourceRef{object.Kind, nameOf(o)}] = configMapData(o) })
	case schema.GroupKind{Kind: SecretKind}:
		return add(m, object, func(o *corev1.Secret) { m.sources[SourceRef{object.Kind, nameOf(o)}] = secretData(o) })
	case schema.GroupKind{Group: helmv2.GroupVersion.Group, Kind: helmv2.HelmReleaseKind}:
		return add(m, object, func(o *flux.HelmRelease) { m.releases = append(m.releases, o) })
	case schema.GroupKind{Group: imagev1.GroupVersion.Group, Kind: imagev1.ImagePolicyKind}:
		return add(m, object, func(o *flux.ImagePolicy) { s.Policies = append(s.Policies, Policy(o)) })
	case schema.GroupKind{Group: imagev1.GroupVersion.Group, Kind: imagev1.ImageRepositoryKind}:
		return add(m, object, func(o *flux.ImageRepository) { s.Repositories = append(s.Repositories, Repository(o)) })
	default:
		return nil
	}
}

// Snapshot returns what was added. It is complete by definition: a ConfigMap or
// Secret that was not added does not exist.
func (m *Manifests) Snapshot(o pin.Options, readSecrets bool) *pin.Snapshot {
	protector := pin.NewProtector(m.snapshot.Namespaces, o)
	for _, object := range m.releases {
		release := Release(object)
		if protector.Protects(&release) {
			release.Images = ContentsOf(object).Find(func(ref SourceRef) Source {
				if ref.Kind == SecretKind && !readSecrets {
					return Source{NotRead: SecretsIgnored}
				}
				return Source{Data: m.sources[ref]}
			})
		}
		m.snapshot.Releases = append(m.snapshot.Releases, release)
	}
	return &m.snapshot
}

// metaObject is an object of API machinery's type T.
type metaObject[T any] interface {
	*T
	metav1.Object
}

// add decodes an object, and hands it to take unless it was there already.
func add[T any, P metaObject[T]](m *Manifests, object manifest.Object, take func(P)) error {
	decoded := P(new(T))
	if err := json.Unmarshal(object.Raw, decoded); err != nil {
		return fmt.Errorf("%s: %s: %w", object.Source, object.Kind, err)
	}
	if decoded.GetName() == "" {
		return fmt.Errorf("%s: %s without metadata.name", object.Source, object.Kind)
	}
	if decoded.GetNamespace() == "" && object.Kind != "Namespace" {
		decoded.SetNamespace(corev1.NamespaceDefault)
	}
	key := object.GroupKind().String() + " " + nameOf(decoded).String()
	if first, found := m.origins[key]; found {
		return fmt.Errorf("%s: %s %s is there already, from %s: name the manifests of one cluster, "+
			"such as the output of kustomize build", object.Source, object.Kind, nameOf(decoded), first)
	}
	if m.origins == nil {
		m.origins = map[string]string{}
		m.sources = map[SourceRef]map[string]string{}
	}
	m.origins[key] = object.Source
	take(decoded)
	return nil
}
