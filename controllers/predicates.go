package controllers

import (
	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/snapshot"
	"git.oleks.space/oleks/pinsync/internal/list"
)

// The predicates drop updates that cannot change the list or its report. None drops a creation
// or a deletion.

// updated passes the updates for which changed says true, and those that are a
// deletion and a creation of which nobody was told one by one.
func updated(changed func(before, after client.Object) bool) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld == nil || e.ObjectNew == nil || e.ObjectOld.GetUID() != e.ObjectNew.GetUID() ||
			changed(e.ObjectOld, e.ObjectNew)
	}}
}

// specChanged is about objects whose generation follows their spec.
func specChanged(before, after client.Object) bool {
	return before.GetGeneration() != after.GetGeneration()
}

// annotationChanged is about one annotation.
func annotationChanged(before, after client.Object, key string) bool {
	was, had := before.GetAnnotations()[key]
	is, has := after.GetAnnotations()[key]
	return was != is || had != has
}

// syncChanged is about the annotation that protects releases or does not.
func syncChanged(before, after client.Object) bool {
	return annotationChanged(before, after, v1alpha1.SyncAnnotation)
}

// releaseChanged is about what a HelmRelease says, and whether it is ready. Nothing else
// in its status tells of the tags that it needs.
func releaseChanged(before, after client.Object) bool {
	was, isRelease := before.(*helmv2.HelmRelease)
	is, stillIs := after.(*helmv2.HelmRelease)
	return !isRelease || !stillIs || snapshot.IsReady(was) != snapshot.IsReady(is) || specChanged(before, after) || syncChanged(before, after) ||
		annotationChanged(before, after, v1alpha1.ImagePoliciesAnnotation)
}

// policyChanged is about what an ImagePolicy says and what it resolved to. Its
// news is in its status.
func policyChanged(before, after client.Object) bool {
	was, isPolicy := before.(*imagev1.ImagePolicy)
	is, stillIs := after.(*imagev1.ImagePolicy)
	if !isPolicy || !stillIs {
		return true
	}
	return snapshot.Policy(was) != snapshot.Policy(is)
}

// ofList passes only events of the list's ConfigMaps, every one of them.
func ofList(name string) predicate.Predicate {
	return predicate.NewPredicateFuncs(func(o client.Object) bool {
		_, is := list.ShardOf(name, o.GetName())
		return is
	})
}
