package controllers

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// teller tells the people whose objects have an annotation that is none of
// pinsync's values, by a Warning event: one for every value, not one a pass.
type teller struct {
	client   client.Client
	recorder events.EventRecorder
	watches  *watches
	told     map[telling]bool
}

// telling is one thing to be told, about one object.
type telling struct {
	kind *kind
	name types.NamespacedName
	note string
}

// tell emits the events for what is new in a report.
func (t *teller) tell(ctx context.Context, report *v1alpha1.PinReport) {
	now := map[telling]bool{}
	for _, problem := range report.Problems {
		if name, isNamespace := strings.CutPrefix(problem.Object, "Namespace "); isNamespace {
			t.add(now, t.watches.namespaces, types.NamespacedName{Name: name}, &problem)
		}
	}
	for _, release := range report.Releases {
		name := types.NamespacedName{Namespace: release.Namespace, Name: release.Name}
		for _, problem := range release.Problems {
			t.add(now, t.watches.releases, name, &problem)
		}
	}
	for telling := range now {
		if !t.told[telling] {
			t.emit(ctx, telling)
		}
	}
	t.told = now
}

func (t *teller) add(now map[telling]bool, k *kind, name types.NamespacedName, problem *v1alpha1.Problem) {
	if problem.Reason == v1alpha1.ReasonInvalidAnnotation {
		now[telling{kind: k, name: name, note: problem.Message}] = true
	}
}

// emit sends one event. An object that is gone meanwhile needs none.
func (t *teller) emit(ctx context.Context, what telling) {
	object, isObject := what.kind.object.DeepCopyObject().(client.Object)
	if !isObject {
		return
	}
	if err := t.client.Get(ctx, what.name, object); err != nil {
		log.FromContext(ctx).V(1).Info("No event about an object that is gone", "object", what.name, "reason", err.Error())
		return
	}
	object.GetObjectKind().SetGroupVersionKind(what.kind.gvk)
	t.recorder.Eventf(object, nil, corev1.EventTypeWarning, string(v1alpha1.ReasonInvalidAnnotation), "Pin", "%s", what.note)
}
