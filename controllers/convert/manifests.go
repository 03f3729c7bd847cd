package convert

import (
	"encoding/json"
	"errors"
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/manifest"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Manifests builds a snapshot from manifests instead of a cluster.
type Manifests struct {
	snapshot pin.Snapshot
	releases []*flux.HelmRelease
	values   map[ValuesRef]map[string]string
	// sources are the objects that charts come from, and charts those of the objects that chartRefs
	// refer to.
	sources map[object.ID]Source
	charts  map[object.ID]WantedChart
	// origins are where each object was read.
	origins map[string]string
}

// SecretsIgnored is why a Secret is not read unless the configuration says so.
const SecretsIgnored = "is not read, because the configuration's secretValues is Ignore: " +
	"an image that only it names is not pinned"

// Add takes an object into the snapshot if pins depend on its kind, in every version that
// Flux had. It returns an error for an object that was there already or has no name. A
// field that is not of its kind's form is a problem, and the object is taken without it.
func (m *Manifests) Add(object manifest.Object) error {
	s := &m.snapshot
	switch object.GroupKind() {
	case schema.GroupKind{Kind: "Namespace"}:
		return add(m, object, func(o *metav1.PartialObjectMetadata) { s.Namespaces = append(s.Namespaces, Namespace(o)) })
	case schema.GroupKind{Kind: "ConfigMap"}:
		return add(m, object, func(o *corev1.ConfigMap) { m.values[ValuesRef{object.Kind, nameOf(o)}] = configMapData(o) })
	case schema.GroupKind{Kind: SecretKind}:
		return add(m, object, func(o *corev1.Secret) { m.values[ValuesRef{object.Kind, nameOf(o)}] = secretData(o) })
	case schema.GroupKind{Group: helmv2.GroupVersion.Group, Kind: helmv2.HelmReleaseKind}:
		return add(m, object, func(o *flux.HelmRelease) {
			fromOldRelease(object.Raw, o)
			o.Spec.Suspend = o.Spec.Suspend || mayBeSuspended(object.Raw)
			m.releases = append(m.releases, o)
		})
	case schema.GroupKind{Group: imagev1.GroupVersion.Group, Kind: imagev1.ImagePolicyKind}:
		return add(m, object, func(o *flux.ImagePolicy) {
			fromOldPolicy(object.Raw, o)
			s.Policies = append(s.Policies, Policy(o))
		})
	case schema.GroupKind{Group: imagev1.GroupVersion.Group, Kind: imagev1.ImageRepositoryKind}:
		return add(m, object, func(o *flux.ImageRepository) { s.Repositories = append(s.Repositories, Repository(o)) })
	case schema.GroupKind{Group: flux.SourceGroupVersion().Group, Kind: flux.OCIRepositoryKind}:
		return add(m, object, func(o *flux.OCIRepository) { m.addSource(o) })
	case schema.GroupKind{Group: flux.SourceGroupVersion().Group, Kind: flux.HelmChartKind}:
		return add(m, object, func(o *flux.HelmChart) { m.addSource(o) })
	case schema.GroupKind{Group: flux.SourceGroupVersion().Group, Kind: flux.HelmRepositoryKind}:
		return add(m, object, func(o *flux.HelmRepository) { m.addSource(o) })
	default:
		return nil
	}
}

// Snapshot returns what was added, with what the charts add that are known, if any. It is
// complete by definition: a ConfigMap or Secret that was not added does not exist.
func (m *Manifests) Snapshot(o pin.Options, readSecrets bool, charts ChartFinder) (*pin.Snapshot, error) {
	protector := pin.NewProtector(m.snapshot.Namespaces, o)
	lookUp := func(ref ValuesRef) ValuesObject {
		if ref.Kind == SecretKind && !readSecrets {
			return ValuesObject{NotRead: SecretsIgnored}
		}
		return ValuesObject{Data: m.values[ref]}
	}
	var converted []*pin.Release
	for _, object := range m.releases {
		release := Release(object)
		if protector.Protects(&release) {
			values := ValuesOf(object)
			if charts.Reference != nil {
				release.ChartRef = charts.Reference(ChartSpecOf(object))
			}
			if charts.Images != nil {
				request, err := ChartRequest(object, lookUp)
				if err != nil {
					return nil, fmt.Errorf("HelmRelease %s: %w", nameOf(object), err)
				}
				release.Rendered = charts.Images(m.wantedChart(object), request)
			}
			release.Images = values.Find(lookUp)
		}
		m.snapshot.Releases = append(m.snapshot.Releases, release)
		converted = append(converted, &release)
	}
	m.snapshot.Notes = append(m.snapshot.Notes, protector.Overlooked(converted)...)
	return &m.snapshot, nil
}

// metaObject is an object of API machinery's type T.
type metaObject[T any] interface {
	*T
	metav1.Object
}

// add decodes an object, and hands it to take unless it was there already.
func add[T any, P metaObject[T]](m *Manifests, object manifest.Object, take func(P)) error {
	decoded := P(new(T))
	err := json.Unmarshal(object.Raw, decoded)
	badField, isField := errors.AsType[*json.UnmarshalTypeError](err)
	if err != nil && !isField {
		return fmt.Errorf("%s: %s %s: %w", object.Source, object.Kind, nameOf(decoded), err)
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
		m.values = map[ValuesRef]map[string]string{}
	}
	m.origins[key] = object.Source
	if isField {
		m.snapshot.Notes = append(m.snapshot.Notes, v1alpha1.Problem{
			Reason: v1alpha1.ReasonInvalidObject, Object: object.Kind + " " + nameOf(decoded).String(), Field: badField.Field,
			Message: fmt.Sprintf("is a JSON %s, want a %s: it is not read, nor is any other field of a wrong type", badField.Value, badField.Type.Kind()),
		})
	}
	take(decoded)
	return nil
}
