package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/list"
	"git.oleks.space/oleks/pinsync/internal/pin"
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

// keptChanged is about what the cache keeps of an object.
func keptChanged[T any](before, after client.Object, differ func(was, is *convert.Kept[T]) bool) bool {
	was, isKept := before.(*convert.Kept[T])
	is, stillIs := after.(*convert.Kept[T])
	return !isKept || !stillIs || differ(was, is)
}

// namespaceChanged is about the annotation that protects releases or does not.
func namespaceChanged(before, after client.Object) bool {
	return keptChanged(before, after, func(was, is *convert.Kept[pin.Namespace]) bool {
		return !isSameText(was.Value.Sync, is.Value.Sync)
	})
}

// releaseChanged is about what a HelmRelease says, and whether it is ready. Nothing else
// in its status tells of the tags that it needs.
func releaseChanged(before, after client.Object) bool {
	return keptChanged(before, after, func(was, is *keptRelease) bool {
		a, b := &was.Value.Release, &is.Value.Release
		return was.Generation != is.Generation || a.Ready != b.Ready || a.Policies != b.Policies || !isSameText(a.Sync, b.Sync)
	})
}

// policyChanged is about what an ImagePolicy says and what it resolved to. Its
// news is in its status.
func policyChanged(before, after client.Object) bool {
	return keptChanged(before, after, func(was, is *convert.Kept[pin.Policy]) bool { return was.Value != is.Value })
}

// repositoryChanged is about what an ImageRepository scans.
func repositoryChanged(before, after client.Object) bool {
	return keptChanged(before, after, func(was, is *convert.Kept[pin.Repository]) bool { return was.Value != is.Value })
}

// isSameText says whether two texts that may be missing are the same.
func isSameText(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// ofList passes only events of the list's ConfigMaps, every one of them.
func ofList(name string) predicate.Predicate {
	return predicate.NewPredicateFuncs(func(o client.Object) bool {
		_, is := list.ShardOf(name, o.GetName())
		return is
	})
}
