//go:build e2e

package e2e

import (
	"encoding/json"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// release creates a HelmRelease with an image's tag in its values.
func (w *world) release(name, image, tag string, suspend bool) {
	w.t.Helper()
	w.releaseWith(name, suspend, map[string]any{"image": map[string]string{"repository": w.registry.name(image), "tag": tag}})
}

func (w *world) releaseWith(name string, suspend bool, values map[string]any) {
	w.t.Helper()
	text, err := json.Marshal(values)
	localtest.Must(w.t, err)
	localtest.Must(w.t, w.client.Create(w.t.Context(), &helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: apps, Name: name},
		Spec: helmv2.HelmReleaseSpec{
			ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"},
			Suspend:  suspend, Values: &apiextensionsv1.JSON{Raw: text}, Interval: metav1.Duration{Duration: time.Hour},
		},
	}))
}

// changeRelease patches a HelmRelease as a user does.
func (w *world) changeRelease(name string, change func(*helmv2.HelmRelease)) {
	w.t.Helper()
	var release helmv2.HelmRelease
	localtest.Must(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: apps, Name: name}, &release))
	before := release.DeepCopy()
	change(&release)
	localtest.Must(w.t, w.client.Patch(w.t.Context(), &release, client.MergeFrom(before)))
}

func (w *world) setSuspend(name string, suspend bool) {
	w.t.Helper()
	w.changeRelease(name, func(release *helmv2.HelmRelease) { release.Spec.Suspend = suspend })
}

// becomeReady sets the status that helm-controller sets after an upgrade.
func (w *world) becomeReady(name string) {
	w.t.Helper()
	var release helmv2.HelmRelease
	localtest.Must(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: apps, Name: name}, &release))
	release.Status.ObservedGeneration = release.Generation
	apimeta.SetStatusCondition(&release.Status.Conditions, metav1.Condition{
		Type: meta.ReadyCondition, Status: metav1.ConditionTrue, Reason: helmv2.UpgradeSucceededReason,
		Message: "Helm upgrade succeeded", ObservedGeneration: release.Generation,
	})
	localtest.Must(w.t, w.client.Status().Update(w.t.Context(), &release))
}

// follow creates an ImageRepository and an ImagePolicy that follows one tag.
func (w *world) follow(name, image, tag string) {
	w.t.Helper()
	localtest.Must(w.t, w.client.Create(w.t.Context(), &imagev1.ImageRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: apps, Name: name},
		Spec:       imagev1.ImageRepositorySpec{Image: w.registry.name(image), Interval: metav1.Duration{Duration: time.Hour}},
	}))
	localtest.Must(w.t, w.client.Create(w.t.Context(), &imagev1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: apps, Name: name},
		Spec: imagev1.ImagePolicySpec{
			ImageRepositoryRef:     meta.NamespacedObjectReference{Name: name},
			FilterTags:             &imagev1.TagFilter{Pattern: "^" + tag + "$"},
			Policy:                 imagev1.ImagePolicyChoice{Alphabetical: &imagev1.AlphabeticalPolicy{}},
			DigestReflectionPolicy: imagev1.ReflectAlways,
			Interval:               &metav1.Duration{Duration: time.Hour},
		},
	}))
}

// resolve sets the status that image-reflector-controller sets after it has scanned a
// repository.
func (w *world) resolve(policy, image, tag string, found ocispec.Descriptor) {
	w.t.Helper()
	key := client.ObjectKey{Namespace: apps, Name: policy}
	ready := metav1.Condition{Type: meta.ReadyCondition, Status: metav1.ConditionTrue, Reason: meta.SucceededReason}
	var repository imagev1.ImageRepository
	localtest.Must(w.t, w.client.Get(w.t.Context(), key, &repository))
	repository.Status.CanonicalImageName = w.registry.name(image)
	repository.Status.LastScanResult = &imagev1.ScanResult{TagCount: 1, LatestTags: []string{tag}}
	apimeta.SetStatusCondition(&repository.Status.Conditions, ready)
	localtest.Must(w.t, w.client.Status().Update(w.t.Context(), &repository))
	var imagePolicy imagev1.ImagePolicy
	localtest.Must(w.t, w.client.Get(w.t.Context(), key, &imagePolicy))
	imagePolicy.Status.LatestRef = &imagev1.ImageRef{Name: w.registry.name(image), Tag: tag, Digest: found.Digest.String()}
	apimeta.SetStatusCondition(&imagePolicy.Status.Conditions, ready)
	localtest.Must(w.t, w.client.Status().Update(w.t.Context(), &imagePolicy))
}

// startPod creates a pod that runs an image, with the status that a kubelet sets.
func (w *world) startPod(name, image string) {
	w.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: apps, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: w.registry.name(image)}}},
	}
	localtest.Must(w.t, w.client.Create(w.t.Context(), pod))
	pod.Status.Phase = corev1.PodRunning
	localtest.Must(w.t, w.client.Status().Update(w.t.Context(), pod))
}

// endPod deletes a pod, and waits until it does not exist.
func (w *world) endPod(name string) {
	w.t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: apps, Name: name}}
	localtest.Must(w.t, w.client.Delete(w.t.Context(), pod, client.GracePeriodSeconds(0)))
	localtest.Until(w.t, func() (bool, string) {
		err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(pod), pod)
		return client.IgnoreNotFound(err) == nil && err != nil, "pod " + name
	})
}
