//go:build e2e

package e2e

import (
	"fmt"
	"time"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// scanInterval is how often image-reflector-controller looks for tags.
const scanInterval = time.Second

// followed is the tag that policies follow.
const followed = "staging"

// follow creates an ImageRepository, and an ImagePolicy that follows a tag and its digest.
func (w *world) follow(name, image string) {
	w.t.Helper()
	localtest.Must(w.t, w.client.Create(w.t.Context(), &imagev1.ImageRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: imagev1.ImageRepositorySpec{
			Image: w.registry.name(image), Interval: metav1.Duration{Duration: scanInterval},
			Insecure: true, SecretRef: &meta.LocalObjectReference{Name: loginSecret},
		},
	}))
	localtest.Must(w.t, w.client.Create(w.t.Context(), &imagev1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: imagev1.ImagePolicySpec{
			ImageRepositoryRef:     meta.NamespacedObjectReference{Name: name},
			FilterTags:             &imagev1.TagFilter{Pattern: "^" + followed + "$"},
			Policy:                 imagev1.ImagePolicyChoice{Alphabetical: &imagev1.AlphabeticalPolicy{}},
			DigestReflectionPolicy: imagev1.ReflectAlways,
			Interval:               &metav1.Duration{Duration: scanInterval},
		},
	}))
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
		localtest.Must(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &policy))
		return met(&policy), fmt.Sprintf("ImagePolicy %s: want %s; its status is %s", name, want, asJSON(policy.Status))
	})
}
