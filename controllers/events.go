package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reasons of the Warning events about problems; the others are those of the problems and of
// pin.ChangeKind.
const (
	// eventUnresolved is about an image that no pin could be found for.
	eventUnresolved = "Unresolved"
	// eventPolicyNotReady is about a suspended release whose policy has lost its tag.
	eventPolicyNotReady = "PolicyNotReady"
)

// eventRecorder records events about objects: what has become of their pins, which of their
// images have no pin, and what blocks a resume. Each is recorded once, when it is new, not in
// every pass.
type eventRecorder struct {
	events               events.EventRecorder
	namespaces, releases *informers.Informer
	// recorded are the problems that the last report had.
	recorded map[subject]string
	// limits are those of the objects about which events were sent in the last time.
	limits map[types.NamespacedName]*rate.Limiter
	// pins are those whose changes were recorded last; isStarted, there are any. waiting are the changes that
	// were too many for a pass.
	pins      []v1alpha1.Pin
	isStarted bool
	waiting   []pendingEvent
	// isBehind is set if there is more than the last pass has sent.
	isBehind bool
}

// subject is what an event is about. Events that differ in their message alone are counted as
// one and the same by the API's recorder: all problems of a reason are recorded together, with
// that reason as the event's action.
type subject struct {
	kind           *informers.Informer
	name           types.NamespacedName
	reason, action string
}

// pendingEvent is one that is to be sent.
type pendingEvent struct {
	about   subject
	message string
	// turn is how many of its namespace are sent before it.
	turn int
}

// record records what is new in the report of a snapshot.
func (r *eventRecorder) record(ctx context.Context, s *pin.Snapshot, report *v1alpha1.PinReport) {
	r.recordChanges(ctx, r.changes(s, report))
	problems := map[subject]string{}
	for i := range report.Problems {
		problem := &report.Problems[i]
		if name, ok := strings.CutPrefix(problem.Object, "Namespace "); ok {
			addProblem(problems, r.namespaces, types.NamespacedName{Name: name}, problem)
		}
		if name, ok := strings.CutPrefix(problem.Object, object.HelmRelease+" "); ok && problem.Reason == v1alpha1.ReasonInvalidAnnotation {
			namespace, name, _ := strings.Cut(name, "/")
			addProblem(problems, r.releases, types.NamespacedName{Namespace: namespace, Name: name}, problem)
		}
	}
	for i := range report.Releases {
		release := &report.Releases[i]
		for j := range release.Problems {
			r.addReleaseProblem(problems, release, &release.Problems[j])
		}
	}
	r.isBehind = r.recordProblems(ctx, problems) || len(r.waiting) > 0
}

// recordProblems records the problems that are new, and reports whether some are left for the next pass.
func (r *eventRecorder) recordProblems(ctx context.Context, problems map[subject]string) (more bool) {
	var fresh []pendingEvent
	for about, message := range problems {
		if r.recorded[about] != message {
			fresh = append(fresh, pendingEvent{about: about, message: message})
		}
	}
	now, later := inTurn(fresh)
	for i := range now {
		r.emit(ctx, corev1.EventTypeWarning, &now[i])
	}
	for i := range later {
		problems[later[i].about] = r.recorded[later[i].about]
	}
	r.recorded = problems
	return len(later) > 0
}

// recordChanges records changes, after those that wait already.
func (r *eventRecorder) recordChanges(ctx context.Context, changes []pendingEvent) {
	now, later := inTurn(slices.Concat(r.waiting, changes))
	for i := range now {
		r.emit(ctx, corev1.EventTypeNormal, &now[i])
	}
	r.waiting = slices.Clone(later[:min(len(later), maxWaiting)])
	if dropped := len(later) - len(r.waiting); dropped > 0 {
		log.FromContext(ctx).Info("The pins of too many releases change, and some get no event", "events", dropped)
	}
}

// changes returns which pins are needed now, are held and were removed. An incomplete snapshot shows no change.
func (r *eventRecorder) changes(s *pin.Snapshot, report *v1alpha1.PinReport) (changes []pendingEvent) {
	if !r.isStarted {
		r.pins, r.isStarted = s.Memory.Pins, true
	}
	if !s.Complete() {
		return nil
	}
	for _, change := range pin.Changes(r.pins, report.Pins) {
		id, ok := object.ParseID(change.Owner)
		if !ok {
			continue
		}
		pins := strings.Join(change.Pins, ", ")
		changes = append(changes, pendingEvent{message: changeMessage(change.Kind) + pins, about: subject{
			kind: r.releases, name: types.NamespacedName{Namespace: id.Namespace, Name: id.Name.Name},
			reason: string(change.Kind), action: shorten(string(change.Kind)+" "+pins, maxAction),
		}})
	}
	r.pins = report.Pins
	return changes
}

// changeMessage returns what has become of pins.
func changeMessage(kind pin.ChangeKind) string {
	switch kind {
	case pin.Pinned:
		return "The registry cleaner must keep "
	case pin.Held:
		return "Still kept, until the release is proven live, or for the grace if it is not protected any more: "
	default:
		return "No longer kept for this release: "
	}
}

// addReleaseProblem adds a problem of a release to those that get an event.
func (r *eventRecorder) addReleaseProblem(problems map[subject]string, release *v1alpha1.Release, problem *v1alpha1.Problem) {
	name := types.NamespacedName{Namespace: release.Namespace, Name: release.Name}
	switch problem.Reason {
	case v1alpha1.ReasonPolicyNotReady:
		if release.State == v1alpha1.ReleaseSuspended {
			about := subject{kind: r.releases, name: name, reason: eventPolicyNotReady, action: shorten(problem.Object, maxAction)}
			problems[about] = fmt.Sprintf("%s %s; the tag may be gone from the registry; see pinsync explain --check -n %s %s",
				problem.Object, problem.Message, release.Namespace, release.Name)
		}
	case v1alpha1.ReasonPolicyUnresolved, v1alpha1.ReasonPolicyNeverResolved:
		// the policy's own condition has it
	case v1alpha1.ReasonRemoteCluster, v1alpha1.ReasonOutsideRegistries, v1alpha1.ReasonRegistryAssumed, v1alpha1.ReasonRegistryMoved,
		v1alpha1.ReasonProofNotTraced, v1alpha1.ReasonTagsLeftOut:
		// the pin is there; nobody has to change anything
	default:
		addProblem(problems, r.releases, name, problem)
	}
}

// addProblem adds a problem to those that get an event.
func addProblem(problems map[subject]string, kind *informers.Informer, name types.NamespacedName, problem *v1alpha1.Problem) {
	about := subject{kind: kind, name: name, reason: eventUnresolved, action: string(problem.Reason)}
	if problem.Reason == v1alpha1.ReasonInvalidAnnotation {
		about.reason = string(problem.Reason)
	}
	message := problem.Message
	if problem.Field != "" {
		message = problem.Field + ": " + message
	}
	if problems[about] != "" {
		message = problems[about] + "; " + message
	}
	problems[about] = message
}

// emit sends one event. An object that is gone meanwhile needs none.
func (r *eventRecorder) emit(ctx context.Context, severity string, e *pendingEvent) {
	about := &e.about
	if !r.allow(about.name) {
		log.FromContext(ctx).V(1).Info("No event, there are too many about this object", "object", about.name, "reason", about.reason)
		return
	}
	meta, ok := about.kind.Get(about.name)
	if !ok {
		log.FromContext(ctx).V(1).Info("No event about an object that is gone", "object", about.name)
		return
	}
	// An event about a Namespace is made in it, not in the namespace default: there those who work in it
	// look, and may read it.
	namespace := cmp.Or(meta.GetNamespace(), meta.GetName())
	object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: meta.GetName(), UID: meta.GetUID(), ResourceVersion: meta.GetResourceVersion(),
	}}
	object.SetGroupVersionKind(about.kind.GVK)
	r.events.Eventf(object, nil, severity, about.reason, about.action, "%s", shorten(e.message, maxMessage))
}

// maxMessage and maxAction are a little less than what the API takes of an event's note and
// action, in bytes: 1 KiB and 128.
const (
	maxMessage = 1000
	maxAction  = 120
)

// shorten cuts a text that is too long, and replaces its control characters, which the terminal of
// whoever reads the event would obey.
func shorten(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}
