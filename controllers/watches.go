package controllers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch
// +kubebuilder:rbac:groups=helm.toolkit.fluxcd.io,resources=helmreleases,verbs=get;list;watch
// +kubebuilder:rbac:groups=image.toolkit.fluxcd.io,resources=imagepolicies;imagerepositories,verbs=list;watch
// +kubebuilder:rbac:namespace=pinsync-system,groups="",resources=configmaps,verbs=get;list;watch;create;update;delete

// watches are the informers of the kinds that the controller watches.
type watches struct {
	namespaces, configMaps, releases, policies, repositories *informers.Informer
	// charts are the kinds that charts come from; none, if charts are not read.
	charts []*informers.Informer
}

// newWatches returns the informers. Each asks for a pass over the list.
func newWatches(options *Options, list reconcile.Request, known *knownVersions) *watches {
	core := corev1.SchemeGroupVersion
	informer := func(o informers.Options) *informers.Informer {
		o.Request, o.SilenceTolerance = list, options.SilenceTolerance
		return informers.New(o)
	}
	w := &watches{
		namespaces: informer(informers.Options{
			GVK: core.WithKind("Namespace"), Object: metadataOf("Namespace"),
			Predicate: updated(namespaceChanged), Required: true,
		}),
		configMaps: informer(informers.Options{
			GVK: core.WithKind("ConfigMap"), Object: metadataOf("ConfigMap"),
			Predicate: listChanged(list.Name, known.has), Required: true,
		}),
		releases: informer(informers.Options{
			GVK: helmv2.GroupVersion.WithKind(helmv2.HelmReleaseKind), Object: &flux.HelmRelease{}, List: &flux.HelmReleaseList{},
			Predicate: updated(releaseChanged), Required: true, Selector: options.Releases,
			Indexers: toolscache.Indexers{candidateIndex: indexCandidates(options.Pins.ProtectLive)},
		}),
		policies: informer(informers.Options{
			GVK: imagev1.GroupVersion.WithKind(imagev1.ImagePolicyKind), Object: &flux.ImagePolicy{}, List: &flux.ImagePolicyList{},
			Predicate: updated(valueChanged[link.Policy]),
		}),
		repositories: informer(informers.Options{
			GVK: imagev1.GroupVersion.WithKind(imagev1.ImageRepositoryKind), Object: &flux.ImageRepository{}, List: &flux.ImageRepositoryList{},
			Predicate: updated(valueChanged[link.Repository]),
		}),
	}
	if options.Charts != nil {
		for _, kind := range []struct {
			name   string
			object client.Object
			list   client.ObjectList
		}{
			{flux.HelmChartKind, &flux.HelmChart{}, &flux.HelmChartList{}},
			{flux.OCIRepositoryKind, &flux.OCIRepository{}, &flux.OCIRepositoryList{}},
			{flux.GitRepositoryKind, &flux.GitRepository{}, &flux.GitRepositoryList{}},
			{flux.BucketKind, &flux.Bucket{}, &flux.BucketList{}},
			{flux.HelmRepositoryKind, &flux.HelmRepository{}, &flux.HelmRepositoryList{}},
			{flux.ExternalArtifactKind, &flux.ExternalArtifact{}, &flux.ExternalArtifactList{}},
		} {
			w.charts = append(w.charts, informer(informers.Options{
				GVK: flux.SourceGroupVersion().WithKind(kind.name), Object: kind.object, List: kind.list, Predicate: updated(valueChanged[convert.Source]),
			}))
		}
	}
	return w
}

// candidateIndex has, under its own name, the releases that may be protected.
const candidateIndex = "candidates"

// indexCandidates indexes the suspended releases, or all.
func indexCandidates(all bool) toolscache.IndexFunc {
	return func(object any) ([]string, error) {
		if release, ok := object.(*keptRelease); ok && (all || release.Value.Release.Suspended) {
			return []string{candidateIndex}, nil
		}
		return nil, nil
	}
}

// all returns all informers, and core those without which no list is complete.
func (w *watches) all() []*informers.Informer { return slices.Concat(w.core(), w.charts) }

func (w *watches) core() []*informers.Informer {
	return []*informers.Informer{w.namespaces, w.configMaps, w.releases, w.policies, w.repositories}
}

// missing returns which kinds are not watched yet, and why.
func (w *watches) missing() string {
	var reasons []string
	for _, i := range w.core() {
		if state, detail := i.Progress(); state != informers.InSync {
			reasons = append(reasons, i.GVK.Kind+": "+detail)
		}
	}
	return strings.Join(reasons, "; ")
}

// ready returns an error as long as a required kind is not watched.
func (w *watches) ready(*http.Request) error {
	for _, i := range w.core() {
		if state, detail := i.Progress(); i.Required && state != informers.InSync {
			return fmt.Errorf("%s is not watched yet: %s", i.GVK.Kind, detail)
		}
	}
	return nil
}

// hasRelease reports whether there may be a HelmRelease of a name. Those that this instance does not select may be
// another's.
func (w *watches) hasRelease(name object.Name) bool {
	_, ok := w.releases.Get(client.ObjectKey{Namespace: name.Namespace, Name: name.Name})
	return ok || w.releases.Selector != nil
}

// cacheOptions match the watches: only the controller's own namespace is searched for
// ConfigMaps, and what no plan reads is not kept.
func cacheOptions(options *Options, scheme *runtime.Scheme, w *watches, spend convert.Spend) cache.Options {
	keep := convert.Keep(options.Pins.ProtectLive, spend)
	return cache.Options{
		ReaderFailOnMissingInformer: true,
		NewInformer:                 informers.Factory(scheme, w.all(), keep),
		// Not by kind: then the API server would have to have all of them at the start.
		DefaultTransform: keep,
		ByObject: map[client.Object]cache.ByObject{
			metadataOf("ConfigMap"): {Namespaces: map[string]cache.Config{options.Namespace: {}}},
		},
	}
}

// metadataOf stands for a core kind of which only the metadata is read.
func metadataOf(kind string) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return o
}
