package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// The predicates drop events that cannot change the list or its report. None drops a deletion,
// and only listChanged drops a creation.

// updated passes the updates for which changed is true, and those that stand for a deletion and
// a creation.
func updated(changed func(before, after client.Object) bool) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld == nil || e.ObjectNew == nil || e.ObjectOld.GetUID() != e.ObjectNew.GetUID() ||
			changed(e.ObjectOld, e.ObjectNew)
	}}
}

// keptChanged reports whether what the cache keeps of an object has changed.
func keptChanged[T any](before, after client.Object, differ func(a, b *convert.Kept[T]) bool) bool {
	a, okBefore := before.(*convert.Kept[T])
	b, okAfter := after.(*convert.Kept[T])
	return !okBefore || !okAfter || differ(a, b)
}

// namespaceChanged reports whether a Namespace's annotations have changed, as far as pinsync keeps them.
func namespaceChanged(before, after client.Object) bool {
	return keptChanged(before, after, func(a, b *convert.Kept[pin.Namespace]) bool {
		return !isSameText(a.Value.Sync, b.Value.Sync) || a.Value.UnknownAnnotations != b.Value.UnknownAnnotations
	})
}

// releaseChanged reports whether a HelmRelease's spec has changed, or anything else that a plan
// reads of it. Nothing else in its status has to do with the tags that it needs.
func releaseChanged(before, after client.Object) bool {
	return keptChanged(before, after, func(was, now *keptRelease) bool {
		a, b := was.Value.Release, now.Value.Release
		isSameSync := isSameText(a.Sync, b.Sync)
		// These are pointers; images change with the generation.
		a.Sync, b.Sync, a.Images, b.Images = nil, nil, nil, nil
		return was.Generation != now.Generation || !isSameSync || a != b
	})
}

// valueChanged reports whether what an object is converted to has changed. That of an ImagePolicy has the tag that it
// resolved to, which is in its status.
func valueChanged[T comparable](before, after client.Object) bool {
	return keptChanged(before, after, func(a, b *convert.Kept[T]) bool { return a.Value != b.Value })
}

// isSameText reports whether two texts that may be missing are the same.
func isSameText(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// listChanged passes the deletions of the ConfigMaps of the list and its report, and all other
// events about them but those of versions that are known, which are mostly the controller's own
// writes.
func listChanged(name string, isKnown func(metav1.Object) bool) predicate.Predicate {
	isOwn := func(o client.Object) bool {
		_, isList := pinlist.ShardOf(name, o.GetName())
		_, isReport := pinlist.ShardOf(pinlist.ReportName(name), o.GetName())
		return isList || isReport
	}
	isNew := func(o client.Object) bool { return isOwn(o) && !isKnown(o) }
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return isNew(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return isNew(e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool { return isOwn(e.Object) },
	}
}
