//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// values are a release's values.
type values map[string]any

// image is an image in values, as the chart takes it.
func (w *world) image(image, tag string) map[string]string {
	return map[string]string{"repository": w.registry.Name(image), "tag": tag}
}

// release creates a HelmRelease with an image's tag in its values.
func (w *world) release(name, image, tag string, suspend bool) {
	w.t.Helper()
	w.releaseWith(name, suspend, values{"image": w.image(image, tag)})
}

// releaseWith creates a HelmRelease with values.
func (w *world) releaseWith(name string, suspend bool, v values, changes ...func(*helmv2.HelmRelease)) {
	w.t.Helper()
	release := w.newRelease(name, suspend, v)
	for _, change := range changes {
		change(release)
	}
	localtest.Must(w.t, w.Client.Create(w.t.Context(), release))
}

// newRelease returns the manifest of a HelmRelease of the test's chart.
func (w *world) newRelease(name string, suspend bool, v values) *helmv2.HelmRelease {
	w.t.Helper()
	return testbed.NewRelease(w.namespace, name, suspend, w.encode(v))
}

func (w *world) encode(v values) *apiextensionsv1.JSON {
	w.t.Helper()
	text, err := json.Marshal(v)
	localtest.Must(w.t, err)
	return &apiextensionsv1.JSON{Raw: text}
}

// changeRelease patches a HelmRelease as a user does.
func (w *world) changeRelease(name string, change func(*helmv2.HelmRelease)) {
	w.t.Helper()
	release := w.releaseNamed(name)
	before := release.DeepCopy()
	change(release)
	localtest.Must(w.t, w.Client.Patch(w.t.Context(), release, client.MergeFrom(before)))
}

func (w *world) releaseNamed(name string) *helmv2.HelmRelease {
	w.t.Helper()
	release := &helmv2.HelmRelease{}
	localtest.Must(w.t, w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, release))
	return release
}

// exists waits until a HelmRelease exists.
func (w *world) exists(name string) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		err := w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &helmv2.HelmRelease{})
		return err == nil, fmt.Sprint(err)
	})
}

func (w *world) setSuspend(name string, suspend bool) {
	w.t.Helper()
	w.changeRelease(name, func(release *helmv2.HelmRelease) { release.Spec.Suspend = suspend })
}

// setValues replaces a release's values, as a commit does.
func (w *world) setValues(name string, v values) {
	w.t.Helper()
	w.changeRelease(name, func(release *helmv2.HelmRelease) { release.Spec.Values = w.encode(v) })
}

// becomesReady waits until helm-controller has reconciled a release's spec.
func (w *world) becomesReady(name string) {
	w.t.Helper()
	w.awaitRelease(name, "it is Ready", func(release *helmv2.HelmRelease) bool {
		return release.Status.ObservedGeneration == release.Generation && apimeta.IsStatusConditionTrue(release.Status.Conditions, meta.ReadyCondition)
	})
}

func (w *world) awaitRelease(name, want string, met func(*helmv2.HelmRelease) bool) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		release := w.releaseNamed(name)
		return met(release), fmt.Sprintf("HelmRelease %s: want that %s; generation %d, status %s", name, want, release.Generation, asJSON(release.Status))
	})
}

// isLive waits until a release is Ready and a Pod of it runs an image.
func (w *world) isLive(name, image string) {
	w.t.Helper()
	w.becomesReady(name)
	w.runs(name, image)
}

// runs waits until the running Pods of a release are all of one image.
func (w *world) runs(name, image string) {
	w.t.Helper()
	w.awaitPods(name, "all run "+image, func(pods []corev1.Pod) bool {
		for i := range pods {
			if pods[i].Status.Phase != corev1.PodRunning || pods[i].Spec.Containers[0].Image != w.registry.Name(image) {
				return false
			}
		}
		return len(pods) > 0
	})
}

func (w *world) awaitPods(release, want string, met func([]corev1.Pod) bool) {
	w.t.Helper()
	localtest.Until(w.t, func() (bool, string) {
		var pods corev1.PodList
		localtest.Must(w.t, w.Client.List(w.t.Context(), &pods, client.InNamespace(w.namespace), client.MatchingLabels{"app": release}))
		var found []string
		for i := range pods.Items {
			found = append(found, pods.Items[i].Name+" of "+pods.Items[i].Spec.Containers[0].Image+" is "+asJSON(pods.Items[i].Status))
		}
		return met(pods.Items), fmt.Sprintf("Pods of %s: want that %s; they are %s", release, want, strings.Join(found, "\n"))
	})
}

// scale scales a release's Deployment as a user does, and waits until Pods to be ended have
// ended.
func (w *world) scale(name string, replicas int32) {
	w.t.Helper()
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	localtest.Must(w.t, w.Client.SubResource("scale").Update(w.t.Context(), deployment,
		client.WithSubResourceBody(&autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}})))
	w.awaitPods(name, fmt.Sprintf("there are at most %d", replicas), func(pods []corev1.Pod) bool { return len(pods) <= int(replicas) })
}

// deleteDeployment deletes a release's Deployment, and waits until its Pods do not exist.
func (w *world) deleteDeployment(name string) {
	w.t.Helper()
	localtest.Must(w.t, w.Client.Delete(w.t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}},
		client.PropagationPolicy(metav1.DeletePropagationBackground)))
	w.awaitPods(name, "there are none", func(pods []corev1.Pod) bool { return len(pods) == 0 })
}

// forceUpgrade requests a Helm upgrade of a release, as flux reconcile helmrelease --force does.
func forceUpgrade(release *helmv2.HelmRelease) {
	now := time.Now().Format(time.RFC3339Nano)
	metav1.SetMetaDataAnnotation(&release.ObjectMeta, meta.ReconcileRequestAnnotation, now)
	metav1.SetMetaDataAnnotation(&release.ObjectMeta, helmv2.ForceRequestAnnotation, now)
}

// asJSON shows an object in a message.
func asJSON(object any) string {
	text, err := json.Marshal(object)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
