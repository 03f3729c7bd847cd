package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// suspend suspends a release, and mostly scales it to zero.
func (u *user) suspend(ctx context.Context) error {
	r, err := u.release(ctx, isResumed)
	if err != nil {
		return err
	}
	if err := u.change(ctx, r, "suspend it", func() { r.Spec.Suspend = true }); err != nil || u.random.IntN(4) == 0 {
		return err
	}
	pause(ctx, time.Duration(u.random.Int64N(int64(time.Second))))
	return u.scale(ctx, r.Name, 0)
}

// resume resumes a release, and often changes what it runs: without a change Helm does nothing.
func (u *user) resume(ctx context.Context) error {
	r, err := u.release(ctx, isSuspended)
	if err != nil {
		return err
	}
	return u.change(ctx, r, "resume it", func() {
		r.Spec.Suspend = false
		if u.random.IntN(2) == 0 {
			r.Spec.Values = u.values(u.imageOf(r))
		}
	})
}

// edit changes the tag in a release's values, mostly to that of a new build.
func (u *user) edit(ctx context.Context) error {
	r, err := u.release(ctx, isAny)
	if err != nil {
		return err
	}
	image, _, _ := strings.Cut(u.imageOf(r), ":")
	tag, err := u.tagOf(ctx, image)
	if err != nil {
		return err
	}
	return u.change(ctx, r, "set the tag "+tag, func() { r.Spec.Values = u.values(image + ":" + tag) })
}

// tagOf returns a tag for the values of a release: of a new build, staging, or any that exists.
func (u *user) tagOf(ctx context.Context, image string) (string, error) {
	switch u.random.IntN(4) {
	case 0:
		return staging, nil
	case 1:
		versions, err := u.registry.Versions(ctx)
		versions = slices.DeleteFunc(versions, func(v testbed.Version) bool {
			return v.Name != image || strings.HasPrefix(v.Version, "sha256:")
		})
		if err != nil || len(versions) == 0 {
			return staging, err
		}
		return pick(u.random, versions).Version, nil
	default:
		err := u.pushOf(ctx, image, false)
		return u.newest(image), err
	}
}

// values returns values with an image, that are not the same as before.
func (u *user) values(image string) *apiextensionsv1.JSON {
	repository, tag, _ := strings.Cut(image, ":")
	text, err := json.Marshal(map[string]any{
		"image": map[string]string{"repository": u.registry.Name(repository), "tag": tag},
		"args":  []string{fmt.Sprint("--revision=", u.random.Uint32())},
	})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return &apiextensionsv1.JSON{Raw: text}
}

// createRelease creates a release that there is not, suspended or not.
func (u *user) createRelease(ctx context.Context) error {
	existing, err := u.releases(ctx, isAny)
	if err != nil {
		return err
	}
	for i := range releaseCount {
		name := fmt.Sprint("release-", i)
		if slices.ContainsFunc(existing, func(r helmv2.HelmRelease) bool { return r.Name == name }) {
			continue
		}
		image := images()[i%len(images())]
		tag, err := u.tagOf(ctx, image)
		if err != nil {
			return err
		}
		suspend := u.random.IntN(3) == 0
		u.journal.note(name, "the user creates it with %s:%s, suspended: %t", image, tag, suspend)
		return u.cluster.Client.Create(ctx, testbed.NewRelease(namespace, name, suspend, u.values(image+":"+tag)))
	}
	return errNothing
}

func (u *user) deleteRelease(ctx context.Context) error {
	r, err := u.release(ctx, isAny)
	if err != nil {
		return err
	}
	u.journal.note(r.Name, "the user deletes it")
	return u.cluster.Client.Delete(ctx, r)
}

// force requests a Helm upgrade of a release, as flux reconcile helmrelease --force does.
func (u *user) force(ctx context.Context) error {
	r, err := u.release(ctx, isResumed)
	if err != nil {
		return err
	}
	return u.change(ctx, r, "upgrade it", func() {
		now := time.Now().Format(time.RFC3339Nano)
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, meta.ReconcileRequestAnnotation, now)
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, helmv2.ForceRequestAnnotation, now)
	})
}

func (u *user) scaleDown(ctx context.Context) error { return u.scaleAny(ctx, 0) }
func (u *user) scaleUp(ctx context.Context) error   { return u.scaleAny(ctx, 1) }

func (u *user) scaleAny(ctx context.Context, replicas int32) error {
	r, err := u.release(ctx, isAny)
	if err != nil {
		return err
	}
	return u.scale(ctx, r.Name, replicas)
}

// scale scales the Deployment of a release, if there is one.
func (u *user) scale(ctx context.Context, name string, replicas int32) error {
	u.journal.note(name, "the user scales it to %d", replicas)
	err := u.cluster.Client.SubResource("scale").Update(ctx, deploymentOf(name),
		client.WithSubResourceBody(&autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}))
	return nothingIf(apierrors.IsNotFound, err)
}

func (u *user) deleteDeployment(ctx context.Context) error {
	r, err := u.release(ctx, isAny)
	if err != nil {
		return err
	}
	u.journal.note(r.Name, "the user deletes its Deployment")
	return nothingIf(apierrors.IsNotFound, u.cluster.Client.Delete(ctx, deploymentOf(r.Name), client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

func deploymentOf(release string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: release}}
}

// nothingIf returns errNothing for errors of a kind.
func nothingIf(isKind func(error) bool, err error) error {
	if isKind(err) {
		return errNothing
	}
	return err
}
