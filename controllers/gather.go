package controllers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// patience is how long a start waits for a complete view before it writes an
// incomplete one, which adds pins but removes none. Reading all objects of a
// large cluster takes a few seconds.
const patience = 30 * time.Second

// gather takes a snapshot of the cluster from the caches, and says whether it left
// something to be looked at in another pass, soon. It returns nil while there is nothing
// to plan from yet: a required kind is missing, or the start is young and another one is
// still being read.
func (r *Reconciler) gather(ctx context.Context, now time.Time) (s *pin.Snapshot, more bool) {
	elapsed := now.Sub(r.looked)
	r.looked = now
	now = now.Round(0) // times of the list are compared with those of this clock alone
	s = &pin.Snapshot{Taken: now, Since: r.vigil.Look(now, elapsed), Memory: *r.list.memory}
	if !r.gatherProgress(s) {
		return nil, false
	}
	questions := pin.Ask(s.Memory, s.Taken, s.Since, r.options.Pins)
	if questions.MayLetGo {
		s.Confirmed = make(map[string]bool, len(questions.ToConfirm))
	}
	for _, namespace := range gatherKind[pin.Namespace](ctx, r, s, r.watches.namespaces) {
		s.Namespaces = append(s.Namespaces, namespace.Value)
	}
	if !r.gatherReleases(ctx, s, r.releases(ctx, s, questions), questions) {
		return nil, false
	}
	for _, policy := range gatherKind[pin.Policy](ctx, r, s, r.watches.policies) {
		s.Policies = append(s.Policies, policy.Value)
	}
	for _, repository := range gatherKind[pin.Repository](ctx, r, s, r.watches.repositories) {
		s.Repositories = append(s.Repositories, repository.Value)
	}
	more = r.pods.look(ctx, s, questions.Namespaces(s.Releases)) || questions.More
	return s, more
}

// gatherProgress adds what cannot be read at all. It says false while that is to be
// waited for.
func (r *Reconciler) gatherProgress(s *pin.Snapshot) bool {
	for _, k := range r.watches.all() {
		at, detail := k.progress()
		failure := k.stream.failure()
		switch {
		case at == stateInSync && failure == nil:
		case at == stateInSync:
			s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, k, image.Shorten(failure.Error())))
		case k.required, at != stateNotServed && r.isYoung(s):
			return false
		case at == stateNotServed && !s.Memory.HasPolicies:
			s.Notes = append(s.Notes, problem(v1alpha1.ReasonKindNotServed, k, detail))
		case at == stateNotServed:
			s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, k, detail+", and it did when the list was made"))
		case failure != nil:
			s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, k, image.Shorten(failure.Error())))
		default:
			s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, k, detail))
		}
	}
	return true
}

// releases returns the releases of the cache, and from the API server itself those
// without which a pin would go: a cache may be behind.
func (r *Reconciler) releases(ctx context.Context, s *pin.Snapshot, questions *pin.Questions) []*keptRelease {
	for _, name := range questions.ToConfirm {
		s.Confirmed[name] = true
	}
	if questions.ConfirmAll {
		return gatherKind[convert.KeptRelease](ctx, r, s, r.watches.releases)
	}
	releases := keptOf[convert.KeptRelease](r.watches.releases)
	if len(questions.ToConfirm) > 0 {
		releases = slices.DeleteFunc(releases, func(release *keptRelease) bool {
			return s.Confirmed[release.Value.Release.String()]
		})
	}
	for _, name := range questions.ToConfirm {
		release, err := r.confirm(ctx, name)
		switch {
		case err != nil:
			s.Unanswered = append(s.Unanswered, v1alpha1.Problem{
				Reason: v1alpha1.ReasonUnanswered, Object: "HelmRelease " + name, Message: image.Shorten(err.Error()),
			})
		case release != nil:
			releases = append(releases, convert.KeepWhole(release))
		}
	}
	return releases
}

// confirm reads a release from the API server; nil, there is none to follow. The answer is the
// same where the kind does not exist any more: that is a failure.
func (r *Reconciler) confirm(ctx context.Context, name string) (*flux.HelmRelease, error) {
	namespace, own, _ := strings.Cut(name, "/")
	release := &flux.HelmRelease{}
	err := r.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: own}, release)
	switch {
	case apierrors.IsNotFound(err):
		return nil, r.live.List(ctx, &flux.HelmReleaseList{}, client.InNamespace(namespace), client.Limit(1))
	case err == nil && !r.watches.releases.follows(release):
		return nil, nil //nolint:nilnil // it is another controller's now, whose list has its pins
	default:
		return release, err
	}
}

// gatherReleases adds the releases that are protected or that pins are held for, with what
// is found in them. It says false where the start is young and the changes of what they take
// values from are not followed yet.
func (r *Reconciler) gatherReleases(
	ctx context.Context, s *pin.Snapshot, releases []*keptRelease, questions *pin.Questions,
) bool {
	s.Everyone = questions.Everyone
	protector := pin.NewProtector(s.Namespaces, r.options.Pins)
	wanted := slices.DeleteFunc(releases, func(kept *keptRelease) bool {
		release := &kept.Value.Release
		return !protector.Protects(release) && !questions.Wants(release.Name)
	})
	err := r.contents.prepare(ctx, wanted)
	if err != nil {
		s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, r.watches.releases, image.Shorten(err.Error())))
	}
	s.Releases = make([]pin.Release, len(wanted))
	for i, kept := range wanted {
		release := &s.Releases[i]
		*release = kept.Value.Release
		// What could not be read in pages is not asked for one by one: they are many.
		if release.Found == nil && (err == nil || !isEmpty(kept)) {
			release.Found = r.contents.find(ctx, kept, s, s.Confirmed[release.String()])
		}
	}
	r.contents.sweep()
	return r.followSources(s)
}

// followSources sees to it that the changes are followed of what values come from. It says
// false where the start is young and they are not yet.
func (r *Reconciler) followSources(s *pin.Snapshot) bool {
	named := r.sources.sweep()
	for _, w := range r.sourceWatches {
		if !named[w.kind] {
			continue
		}
		inSync, failure := w.begin(), w.stream.failure()
		switch {
		case inSync && failure == nil:
			continue
		case !inSync && r.isYoung(s):
			return false
		case failure == nil:
			failure = errors.New("its changes cannot be followed yet")
		}
		s.Unanswered = append(s.Unanswered, v1alpha1.Problem{
			Reason: v1alpha1.ReasonUnanswered, Object: string(w.kind), Message: image.Shorten(failure.Error()),
		})
	}
	return true
}

// isYoung says whether the start is so young that a complete view is waited for.
func (r *Reconciler) isYoung(s *pin.Snapshot) bool {
	return s.Taken.Before(r.started.Add(patience))
}

// gatherKind returns a kind's objects: those of the cache, or, where a pin may go, which
// must not be decided on what is old, of the API server itself.
func gatherKind[T any](ctx context.Context, r *Reconciler, s *pin.Snapshot, k *kind) []*convert.Kept[T] {
	if s.Confirmed != nil && k.isInSync() {
		objects, err := liveOf[T](ctx, r.live, k)
		if err == nil {
			return objects
		}
		s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, k, image.Shorten(err.Error())))
	}
	return keptOf[T](k)
}

func problem(reason v1alpha1.Reason, k *kind, detail string) v1alpha1.Problem {
	return v1alpha1.Problem{Reason: reason, Object: k.gvk.Kind, Message: detail}
}
