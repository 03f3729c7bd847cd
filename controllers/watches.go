package controllers

import (
	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch
// +kubebuilder:rbac:groups=helm.toolkit.fluxcd.io,resources=helmreleases,verbs=get;list;watch
// +kubebuilder:rbac:groups=image.toolkit.fluxcd.io,resources=imagepolicies;imagerepositories,verbs=list;watch
// +kubebuilder:rbac:namespace=pinsync-system,groups="",resources=configmaps,verbs=get;list;watch;create;update;delete

// watches are the kinds that the controller follows.
type watches struct {
	namespaces, configMaps, releases, policies, repositories *kind
}

// newWatches returns the watches of a controller that writes the list. What they read
// comes by the streams.
func newWatches(mgr manager.Manager, list reconcile.Request, streams *streams, releases labels.Selector) *watches {
	core := corev1.SchemeGroupVersion
	w := &watches{
		namespaces: &kind{
			object: metadataOf("Namespace"), gvk: core.WithKind("Namespace"),
			predicate: updated(namespaceChanged), required: true,
			list: metadataListOf("Namespace"),
		},
		configMaps: &kind{
			object: metadataOf("ConfigMap"), gvk: core.WithKind("ConfigMap"),
			predicate: ofList(list.Name), required: true,
		},
		releases: &kind{
			object: &flux.HelmRelease{}, gvk: helmv2.GroupVersion.WithKind(helmv2.HelmReleaseKind),
			predicate: updated(releaseChanged), required: true,
			list: &flux.HelmReleaseList{},
		},
		policies: &kind{
			object: &flux.ImagePolicy{}, gvk: imagev1.GroupVersion.WithKind(imagev1.ImagePolicyKind),
			predicate: updated(policyChanged),
			list:      &flux.ImagePolicyList{},
		},
		repositories: &kind{
			object: &flux.ImageRepository{}, gvk: imagev1.GroupVersion.WithKind(imagev1.ImageRepositoryKind),
			predicate: updated(repositoryChanged),
			list:      &flux.ImageRepositoryList{},
		},
	}
	w.releases.selector = releases
	for _, k := range w.all() {
		k.cache, k.mapper, k.stream = mgr.GetCache(), mgr.GetRESTMapper(), streams.of(k.gvk)
		k.request, k.onEvent = list, list
		if k.selector != nil {
			k.stream.selector = k.selector.String()
		}
	}
	w.configMaps.onEvent = aboutList(list)
	return w
}

// aboutList is the request to look whether somebody else has changed the list. Most events
// about it are the echo of what this controller has written: they need no pass. Of a list of
// several objects the first echo may come before the others, and a pass is made all the same.
func aboutList(list reconcile.Request) reconcile.Request {
	list.Name += "/" // as no object is called
	return list
}

func (w *watches) all() []*kind {
	return []*kind{w.namespaces, w.configMaps, w.releases, w.policies, w.repositories}
}

// cacheOptions match the watches: only the controller's own namespace is searched
// for ConfigMaps, and what no plan reads is not kept.
func cacheOptions(options *Options, streams *streams) cache.Options {
	return cache.Options{
		ReaderFailOnMissingInformer: true,
		NewInformer:                 streams.newInformer,
		// Not by kind: then the API server would have to have all of them at the start.
		DefaultTransform: convert.Keep(options.Pins.AllReleases),
		ByObject: map[client.Object]cache.ByObject{
			metadataOf("ConfigMap"): {Namespaces: map[string]cache.Config{options.Namespace: {}}},
		},
	}
}

// metadataListOf is an empty list of a core kind of which only the metadata is read.
func metadataListOf(kind string) *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind + "List"))
	return list
}

// metadataOf stands for a core kind of which only the metadata is read.
func metadataOf(kind string) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return o
}
