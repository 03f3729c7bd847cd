package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/snapshot"
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
func (r *Reconciler) gather(ctx context.Context, now time.Time) (s *pin.Snapshot, more bool, err error) {
	elapsed := now.Sub(r.looked)
	r.looked = now
	now = now.Round(0) // times of the list are compared with those of this clock alone
	s = &pin.Snapshot{Taken: now, Since: r.vigil.Look(now, elapsed), Memory: *r.list.memory}
	if !r.gatherProgress(s) {
		return nil, false, nil
	}
	questions := pin.Ask(s.Memory, s.Taken, s.Since, r.options.Pins)
	if questions.MayLetGo {
		s.Confirmed = make(map[string]bool, len(questions.ToConfirm))
	}
	namespaces := &metav1.PartialObjectMetadataList{}
	namespaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.listKind(ctx, s, r.watches.namespaces, namespaces); err != nil {
		return nil, false, err
	}
	for i := range namespaces.Items {
		s.Namespaces = append(s.Namespaces, snapshot.Namespace(&namespaces.Items[i]))
	}
	releases, err := r.releases(ctx, s, questions)
	if err != nil {
		return nil, false, err
	}
	if !r.gatherReleases(ctx, s, releases, questions) {
		return nil, false, nil
	}
	more = r.pods.look(ctx, s, questions.Namespaces(s.Releases)) || questions.More
	return s, more, r.gatherPolicies(ctx, s)
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
func (r *Reconciler) releases(ctx context.Context, s *pin.Snapshot, questions *pin.Questions) ([]helmv2.HelmRelease, error) {
	var cached helmv2.HelmReleaseList
	if questions.ConfirmAll {
		for _, name := range questions.ToConfirm {
			s.Confirmed[name] = true
		}
		err := r.listKind(ctx, s, r.watches.releases, &cached)
		return cached.Items, err
	}
	if err := r.listCached(ctx, r.watches.releases, &cached); err != nil {
		return nil, err
	}
	if len(questions.ToConfirm) == 0 {
		return cached.Items, nil
	}
	for _, name := range questions.ToConfirm {
		s.Confirmed[name] = true
	}
	releases := slices.DeleteFunc(cached.Items, func(release helmv2.HelmRelease) bool {
		return s.Confirmed[client.ObjectKeyFromObject(&release).String()]
	})
	for _, name := range questions.ToConfirm {
		release, err := r.confirm(ctx, name)
		switch {
		case err != nil:
			s.Unanswered = append(s.Unanswered, v1alpha1.Problem{
				Reason: v1alpha1.ReasonUnanswered, Object: "HelmRelease " + name, Message: image.Shorten(err.Error()),
			})
		case release != nil:
			releases = append(releases, *release)
		}
	}
	return releases, nil
}

// confirm reads a release from the API server; nil, it does not exist. The answer is the
// same where the kind does not exist any more: that is a failure.
func (r *Reconciler) confirm(ctx context.Context, name string) (*helmv2.HelmRelease, error) {
	namespace, own, _ := strings.Cut(name, "/")
	release := &helmv2.HelmRelease{}
	err := r.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: own}, release)
	if apierrors.IsNotFound(err) {
		return nil, r.live.List(ctx, &helmv2.HelmReleaseList{}, client.InNamespace(namespace), client.Limit(1))
	}
	return release, err
}

// gatherReleases adds the releases, with their contents those that are protected or
// that pins are held for. It says false where the start is young and the changes of what
// they take values from are not followed yet.
func (r *Reconciler) gatherReleases(
	ctx context.Context, s *pin.Snapshot, releases []helmv2.HelmRelease, questions *pin.Questions,
) bool {
	s.Everyone = questions.Everyone
	protector := pin.NewProtector(s.Namespaces, r.options.Pins)
	lookUp := r.sources.lookUp(ctx, &s.Unanswered, false)
	lookUpAfresh := r.sources.lookUp(ctx, &s.Unanswered, true)
	for i := range releases {
		release := snapshot.Release(&releases[i])
		switch {
		case s.Confirmed[release.String()]:
			snapshot.AddContents(&release, &releases[i], lookUpAfresh)
		case protector.Protects(&release), questions.Wants(release.Name):
			snapshot.AddContents(&release, &releases[i], lookUp)
		}
		s.Releases = append(s.Releases, release)
	}
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

func (r *Reconciler) gatherPolicies(ctx context.Context, s *pin.Snapshot) error {
	var policies imagev1.ImagePolicyList
	if err := r.listKind(ctx, s, r.watches.policies, &policies); err != nil {
		return err
	}
	for i := range policies.Items {
		s.Policies = append(s.Policies, snapshot.Policy(&policies.Items[i]))
	}
	var repositories imagev1.ImageRepositoryList
	if err := r.listKind(ctx, s, r.watches.repositories, &repositories); err != nil {
		return err
	}
	for i := range repositories.Items {
		s.Repositories = append(s.Repositories, snapshot.Repository(&repositories.Items[i]))
	}
	return nil
}

// listKind reads a kind's objects: from the cache, or, where a pin may go, which must
// not be decided on what is old, from the API server itself.
func (r *Reconciler) listKind(ctx context.Context, s *pin.Snapshot, k *kind, list client.ObjectList) error {
	if s.Confirmed != nil && k.isInSync() {
		err := r.live.List(ctx, list)
		if err == nil {
			return nil
		}
		s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, k, image.Shorten(err.Error())))
	}
	return r.listCached(ctx, k, list)
}

// listCached reads a kind's objects from the cache; none where it is not in sync. The
// objects are the cache's own, not to be changed.
func (r *Reconciler) listCached(ctx context.Context, k *kind, list client.ObjectList) error {
	if !k.isInSync() {
		return nil
	}
	if err := r.client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing %s: %w", k.gvk.Kind, err)
	}
	return nil
}

func problem(reason v1alpha1.Reason, k *kind, detail string) v1alpha1.Problem {
	return v1alpha1.Problem{Reason: reason, Object: k.gvk.Kind, Message: detail}
}
