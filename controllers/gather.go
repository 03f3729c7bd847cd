package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
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

// gather takes a snapshot of the cluster from the caches. It returns nil while
// there is nothing to plan from yet: a required kind is missing, or the start is
// young and another one is still being read. The watches ask for a new pass when
// that changes.
func (r *Reconciler) gather(ctx context.Context) (*pin.Snapshot, error) {
	s := &pin.Snapshot{Taken: time.Now()}
	for _, k := range r.watches.all() {
		at, detail := k.progress()
		switch {
		case at == stateInSync:
		case k.required, at != stateNotServed && r.isYoung(s):
			return nil, nil //nolint:nilnil // nothing yet is neither a snapshot nor an error
		case at == stateNotServed:
			s.Notes = append(s.Notes, problem(v1alpha1.ReasonKindNotServed, k, detail))
		default:
			s.Unanswered = append(s.Unanswered, problem(v1alpha1.ReasonUnanswered, k, detail))
		}
	}
	for watched, err := range r.failures.of() {
		s.Unanswered = append(s.Unanswered, v1alpha1.Problem{
			Reason: v1alpha1.ReasonUnanswered, Object: "watch of " + strings.TrimPrefix(watched, "*"),
			Message: "changes cannot be read: " + image.Shorten(err.Error()),
		})
	}
	namespaces := &metav1.PartialObjectMetadataList{}
	namespaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.list(ctx, r.watches.namespaces, namespaces); err != nil {
		return nil, err
	}
	for i := range namespaces.Items {
		s.Namespaces = append(s.Namespaces, snapshot.Namespace(&namespaces.Items[i]))
	}
	var releases helmv2.HelmReleaseList
	if err := r.list(ctx, r.watches.releases, &releases); err != nil {
		return nil, err
	}
	if !r.gatherReleases(ctx, s, releases.Items) {
		return nil, nil //nolint:nilnil // nothing yet is neither a snapshot nor an error
	}
	return s, r.gatherPolicies(ctx, s)
}

// gatherReleases adds the releases, those that are protected with their contents.
// It says false where the start is young and the changes of what they take values
// from are not followed yet.
func (r *Reconciler) gatherReleases(ctx context.Context, s *pin.Snapshot, releases []helmv2.HelmRelease) bool {
	protector := pin.NewProtector(s.Namespaces, r.options.Pins)
	lookUp := r.sources.lookUp(ctx, &s.Unanswered)
	for i := range releases {
		release := snapshot.Release(&releases[i])
		if protector.Protects(&release) {
			snapshot.AddContents(&release, &releases[i], lookUp)
		}
		s.Releases = append(s.Releases, release)
	}
	named := r.sources.sweep()
	for _, w := range r.sourceWatches {
		if !named[w.kind] || w.begin() {
			continue
		}
		if r.isYoung(s) {
			return false
		}
		s.Unanswered = append(s.Unanswered, v1alpha1.Problem{
			Reason: v1alpha1.ReasonUnanswered, Object: string(w.kind), Message: "its changes cannot be followed yet",
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
	if err := r.list(ctx, r.watches.policies, &policies); err != nil {
		return err
	}
	for i := range policies.Items {
		s.Policies = append(s.Policies, snapshot.Policy(&policies.Items[i]))
	}
	var repositories imagev1.ImageRepositoryList
	if err := r.list(ctx, r.watches.repositories, &repositories); err != nil {
		return err
	}
	for i := range repositories.Items {
		s.Repositories = append(s.Repositories, snapshot.Repository(&repositories.Items[i]))
	}
	return nil
}

// list reads a kind's objects from the cache; none where it is not in sync. The
// objects are the cache's own, not to be changed.
func (r *Reconciler) list(ctx context.Context, k *kind, list client.ObjectList) error {
	if at, _ := k.progress(); at != stateInSync {
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
