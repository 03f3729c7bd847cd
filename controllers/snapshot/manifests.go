package snapshot

import (
	"encoding/json"
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"git.oleks.space/oleks/pinsync/internal/manifest"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Manifests builds a snapshot from manifests instead of a cluster.
type Manifests struct {
	snapshot pin.Snapshot
	sources  map[string]string
}

// Add takes an object into the snapshot if pins depend on its kind. Of Flux's
// kinds it takes every version, for the fields that matter are the same in all
// that Flux serves. It returns an error for an object that is not of its kind's
// form or that was there already.
func (m *Manifests) Add(object manifest.Object) error {
	switch object.GroupKind() {
	case schema.GroupKind{Kind: "Namespace"}:
		return add(m, object, &m.snapshot.Namespaces, func(o *metav1.PartialObjectMetadata) pin.Namespace {
			return Namespace(o)
		})
	case schema.GroupKind{Group: helmv2.GroupVersion.Group, Kind: helmv2.HelmReleaseKind}:
		return add(m, object, &m.snapshot.Releases, Release)
	case schema.GroupKind{Group: imagev1.GroupVersion.Group, Kind: imagev1.ImagePolicyKind}:
		return add(m, object, &m.snapshot.Policies, Policy)
	case schema.GroupKind{Group: imagev1.GroupVersion.Group, Kind: imagev1.ImageRepositoryKind}:
		return add(m, object, &m.snapshot.Repositories, Repository)
	default:
		return nil
	}
}

// Snapshot returns what was added. It is complete by definition.
func (m *Manifests) Snapshot() *pin.Snapshot {
	return &m.snapshot
}

// metaObject is an object of API machinery's type T.
type metaObject[T any] interface {
	*T
	metav1.Object
}

// add decodes an object, converts it and adds it to a list of the snapshot.
func add[T any, P metaObject[T], C any](m *Manifests, object manifest.Object, list *[]C, convert func(P) C) error {
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
	if first, found := m.sources[key]; found {
		return fmt.Errorf("%s: %s %s is there already, from %s: name the manifests of one cluster, "+
			"such as the output of kustomize build", object.Source, object.Kind, nameOf(decoded), first)
	}
	if m.sources == nil {
		m.sources = map[string]string{}
	}
	m.sources[key] = object.Source
	*list = append(*list, convert(decoded))
	return nil
}
