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

// eventUnresolved is the reason of events about what ended in no pin.
const eventUnresolved = "Unresolved"

// teller tells people by Warning events on their objects what in them ended in no
// pin, and annotations of pinsync that have no value of its own: once for each,
// not once a pass.
type teller struct {
	client   client.Client
	recorder events.EventRecorder
	watches  *watches
	told     map[telling]string
}

// telling is one thing to be told, about one object. Events that differ in their
// note alone are counted as one and the same by the API's recorder: all problems
// of a reason are told together, with that reason as the event's action.
type telling struct {
	kind           *kind
	name           types.NamespacedName
	reason, action string
}

// tell emits the events for what is new in a report.
func (t *teller) tell(ctx context.Context, report *v1alpha1.PinReport) {
	now := map[telling]string{}
	for i := range report.Problems {
		if name, isNamespace := strings.CutPrefix(report.Problems[i].Object, "Namespace "); isNamespace {
			t.add(now, t.watches.namespaces, types.NamespacedName{Name: name}, &report.Problems[i])
		}
	}
	for i := range report.Releases {
		release := &report.Releases[i]
		name := types.NamespacedName{Namespace: release.Namespace, Name: release.Name}
		for j := range release.Problems {
			t.add(now, t.watches.releases, name, &release.Problems[j])
		}
	}
	for what, note := range now {
		if t.told[what] != note {
			t.emit(ctx, what, note)
		}
	}
	t.told = now
}

// add adds a problem to what is to be told.
func (t *teller) add(now map[telling]string, k *kind, name types.NamespacedName, problem *v1alpha1.Problem) {
	what := telling{kind: k, name: name, reason: eventUnresolved, action: string(problem.Reason)}
	switch problem.Reason {
	case v1alpha1.ReasonInvalidAnnotation:
		what.reason = string(problem.Reason)
	case v1alpha1.ReasonPolicyNotReady, v1alpha1.ReasonPolicyUnresolved:
		return // the policy says so itself
	case v1alpha1.ReasonOtherCluster:
		return // the pin is there; nobody has to mend anything
	default:
	}
	note := problem.Message
	if problem.Field != "" {
		note = problem.Field + ": " + note
	}
	if now[what] != "" {
		note = now[what] + "; " + note
	}
	now[what] = note
}

// emit sends one event. An object that is gone meanwhile needs none.
func (t *teller) emit(ctx context.Context, what telling, note string) {
	object, isObject := what.kind.object.DeepCopyObject().(client.Object)
	if !isObject {
		return
	}
	if err := t.client.Get(ctx, what.name, object); err != nil {
		log.FromContext(ctx).V(1).Info("No event about an object that is gone", "object", what.name, "reason", err.Error())
		return
	}
	object.GetObjectKind().SetGroupVersionKind(what.kind.gvk)
	t.recorder.Eventf(object, nil, corev1.EventTypeWarning, what.reason, what.action, "%s", shorten(note))
}

// shorten cuts a note to what the API takes, 1 KiB.
func shorten(note string) string {
	const most = 1000
	if len(note) <= most {
		return note
	}
	return strings.ToValidUTF8(note[:most], "") + " …"
}
