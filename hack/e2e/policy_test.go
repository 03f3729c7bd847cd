//go:build e2e

package e2e

import (
	"fmt"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// followed is the tag that policies follow.
const followed = "staging"

// follow creates an ImageRepository, and an ImagePolicy that follows a tag and its digest.
func (w *world) follow(name, image string) {
	w.t.Helper()
	localtest.Must(w.t, w.Client.Create(w.t.Context(), w.registry.ImageRepository(w.namespace, name, image)))
	tags, choice := testbed.FollowTag(followed)
	localtest.Must(w.t, w.Client.Create(w.t.Context(), testbed.ImagePolicy(w.namespace, name, tags, choice)))
}

// resolves waits until a policy is Ready, with a build as its latest.
func (w *world) resolves(policy string, built ocispec.Descriptor) {
	w.t.Helper()
	w.awaitPolicy(policy, "latestRef is of "+built.Digest.String(), func(p *imagev1.ImagePolicy) bool {
		return apimeta.IsStatusConditionTrue(p.Status.Conditions, meta.ReadyCondition) &&
			p.Status.LatestRef != nil && p.Status.LatestRef.Digest == built.Digest.String()
	})
}

// losesTag waits until a policy is not Ready, since the registry does not have its tag.
func (w *world) losesTag(policy string) {
	w.t.Helper()
	w.awaitPolicy(policy, "it is not Ready", func(p *imagev1.ImagePolicy) bool {
		return apimeta.IsStatusConditionFalse(p.Status.Conditions, meta.ReadyCondition)
	})
}

func (w *world) awaitPolicy(name, want string, met func(*imagev1.ImagePolicy) bool) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		var policy imagev1.ImagePolicy
		localtest.Must(w.t, w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &policy))
		return met(&policy), fmt.Sprintf("ImagePolicy %s: want %s; its status is %s", name, want, asJSON(policy.Status))
	})
}
