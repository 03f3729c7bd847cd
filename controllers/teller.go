package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reasons of the Warning events about problems; the others are those of the problems and of
// pin.ChangeKind.
const (
	// eventUnresolved is about what ended in no pin.
	eventUnresolved = "Unresolved"
	// eventPolicyNotReady is about a release that sleeps while its policy has lost its tag.
	eventPolicyNotReady = "PolicyNotReady"
)

// teller tells people by events on their objects what has become of their pins, what in
// them ended in no pin, and what stands in the way of a resume: what is new, once, not once
// a pass.
type teller struct {
	recorder events.EventRecorder
	watches  *watches
	told     map[telling]string
	// listed are the pins that changes are told against, once there are any to tell.
	listed  []v1alpha1.Pin
	hasTold bool
}

// telling is one thing to be told, about one object. Events that differ in their
// note alone are counted as one and the same by the API's recorder: all problems
// of a reason are told together, with that reason as the event's action.
type telling struct {
	kind           *kind
	name           types.NamespacedName
	reason, action string
}

// tell emits the events for what is new in the report of a snapshot.
func (t *teller) tell(ctx context.Context, s *pin.Snapshot, report *v1alpha1.PinReport) {
	t.tellChanges(ctx, s, report)
	now := map[telling]string{}
	for i := range report.Problems {
		if name, isNamespace := strings.CutPrefix(report.Problems[i].Object, "Namespace "); isNamespace {
			t.add(now, t.watches.namespaces, types.NamespacedName{Name: name}, &report.Problems[i])
		}
	}
	for i := range report.Releases {
		release := &report.Releases[i]
		for j := range release.Problems {
			t.addOf(now, release, &release.Problems[j])
		}
	}
	for what, note := range now {
		if t.told[what] != note {
			t.emit(ctx, corev1.EventTypeWarning, what, note)
		}
	}
	t.told = now
}

// mostPinned is how many releases are told in one pass that they have come to need pins. An
// installation in a large cluster, or an annotation on a large namespace, would send thousands
// of events about what has long been asleep; the list and the log say it all the same.
const mostPinned = 100

// tellChanges emits the events about pins that came, are held and went. Where a sleeping
// release loses one and has no other tag of the same image, it may need it all the same, and
// was only lost sight of: that is a warning. What is seen of a part of the cluster tells of
// no change.
func (t *teller) tellChanges(ctx context.Context, s *pin.Snapshot, report *v1alpha1.PinReport) {
	if !t.hasTold {
		t.listed, t.hasTold = s.Memory.Pins, true
	}
	if !s.Complete() {
		return
	}
	asleep := map[string]*v1alpha1.Release{}
	for i := range report.Releases {
		if r := &report.Releases[i]; r.State == v1alpha1.ReleaseSuspended {
			asleep[r.Namespace+"/"+r.Name] = r
		}
	}
	pinned := 0
	for _, change := range pin.Changes(t.listed, report.Pins) {
		if change.Kind == pin.Pinned {
			if pinned++; pinned > mostPinned {
				continue
			}
		}
		namespace, name, _ := strings.Cut(change.Release, "/")
		severity := corev1.EventTypeNormal
		if release := asleep[change.Release]; change.Kind != pin.Pinned && release != nil && lacksAll(release, change.Pins) {
			severity = corev1.EventTypeWarning
		}
		pins := strings.Join(change.Pins, ", ")
		t.emit(ctx, severity, telling{
			kind: t.watches.releases, name: types.NamespacedName{Namespace: namespace, Name: name},
			reason: string(change.Kind), action: shorten(string(change.Kind)+" "+pins, maxAction),
		}, changeNote(change.Kind)+pins)
	}
	if pinned > mostPinned {
		log.FromContext(ctx).Info("Many releases have come to need pins at once, and only some are told so by an event",
			"releases", pinned, "told", mostPinned)
	}
	t.listed = report.Pins
}

// lacksAll says whether a release has no tag at all of an image of which it has lost one.
func lacksAll(release *v1alpha1.Release, lost []string) bool {
	return slices.ContainsFunc(lost, func(pin string) bool {
		name, _, _ := strings.Cut(pin, "==")
		return !slices.ContainsFunc(release.Pins, func(other string) bool { return strings.HasPrefix(other, name+"==") })
	})
}

// changeNote says what has become of pins.
func changeNote(kind pin.ChangeKind) string {
	switch kind {
	case pin.Pinned:
		return "The registry cleaner must keep "
	case pin.Held:
		return "Not needed any more, and kept until that is sure to be so: "
	default:
		return "Not kept for this release any more: "
	}
}

// addOf adds a problem of a release to what is to be told.
func (t *teller) addOf(now map[telling]string, release *v1alpha1.Release, problem *v1alpha1.Problem) {
	name := types.NamespacedName{Namespace: release.Namespace, Name: release.Name}
	switch problem.Reason {
	case v1alpha1.ReasonPolicyNotReady:
		if release.State == v1alpha1.ReleaseSuspended {
			what := telling{kind: t.watches.releases, name: name, reason: eventPolicyNotReady, action: shorten(problem.Object, maxAction)}
			now[what] = fmt.Sprintf("%s %s; the tag may be gone from the registry; see pinsync explain --check -n %s %s",
				problem.Object, problem.Message, release.Namespace, release.Name)
		}
	case v1alpha1.ReasonPolicyUnresolved:
		// the policy says so itself
	case v1alpha1.ReasonOtherCluster:
		// the pin is there; nobody has to mend anything
	default:
		t.add(now, t.watches.releases, name, problem)
	}
}

// add adds a problem to what is to be told.
func (t *teller) add(now map[telling]string, k *kind, name types.NamespacedName, problem *v1alpha1.Problem) {
	what := telling{kind: k, name: name, reason: eventUnresolved, action: string(problem.Reason)}
	if problem.Reason == v1alpha1.ReasonInvalidAnnotation {
		what.reason = string(problem.Reason)
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
func (t *teller) emit(ctx context.Context, severity string, what telling, note string) {
	kept, exists, err := what.kind.stream.kept().GetByKey(strings.TrimPrefix(what.name.String(), "/"))
	known, isObject := kept.(client.Object)
	if err != nil || !exists || !isObject {
		log.FromContext(ctx).V(1).Info("No event about an object that is gone", "object", what.name)
		return
	}
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: known.GetNamespace(), Name: known.GetName(), UID: known.GetUID(), ResourceVersion: known.GetResourceVersion(),
	}}
	object.SetGroupVersionKind(what.kind.gvk)
	t.recorder.Eventf(object, nil, severity, what.reason, what.action, "%s", shorten(note, maxNote))
}

// maxNote and maxAction are a little less than what the API takes of an event's note and
// action, in bytes: 1 KiB and 128.
const (
	maxNote   = 1000
	maxAction = 120
)

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}
