package controllers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// installed is the metadata of an object that helm-controller has installed for a release of the
// tenant.
func (w *world) installed(release, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.apps, Name: name, Labels: map[string]string{
		"helm.toolkit.fluxcd.io/name": release, "helm.toolkit.fluxcd.io/namespace": w.apps,
	}}
}

// podTemplate is that of a workload whose pods have a label with its name.
func podTemplate(name, image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "app", Image: image}},
		},
	}
}

// deploy creates a Deployment of a release, scaled to zero, and a ReplicaSet of it for each of the
// images, of which the last is its own.
func (w *world) deploy(release, name string, images ...string) (last *appsv1.ReplicaSet) {
	w.t.Helper()
	none, selector := int32(0), &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	deployment := &appsv1.Deployment{
		ObjectMeta: w.installed(release, name),
		Spec:       appsv1.DeploymentSpec{Replicas: &none, Selector: selector, Template: podTemplate(name, images[len(images)-1])},
	}
	if release == "" {
		deployment.Labels = nil
	}
	w.create(deployment)
	for i, image := range images {
		last = &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: w.apps, Name: fmt.Sprint(name, "-", i),
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
			},
			Spec: appsv1.ReplicaSetSpec{Replicas: &none, Selector: selector, Template: podTemplate(name, image)},
		}
		w.create(last)
	}
	return last
}

// podOf is a pod of a ReplicaSet.
func (w *world) podOf(set *appsv1.ReplicaSet) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.apps, GenerateName: set.Name + "-",
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: set.Spec.Template.Spec,
	}
}

// afterTheGrace waits until a pin is removed that nothing needs from now on.
func (w *world) afterTheGrace() {
	w.t.Helper()
	w.suspend("marker", "g.io/o/marker:1")
	isListed := func(want bool) func(context.Context) (bool, string) {
		return func(ctx context.Context) (bool, string) {
			lines := w.list(ctx).Data["registry-pins.txt"]
			return strings.Contains(lines, "container/marker==1") == want, lines
		}
	}
	w.until(isListed(true))
	w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "marker"}})
	w.until(isListed(false))
}

// live creates the release web, awake, with an image.
func (w *world) live(image string) {
	w.t.Helper()
	w.create(&helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "web"},
		Spec:       awake(image),
	})
}

// awake is the spec of a release with an image.
func awake(image string) helmv2.HelmReleaseSpec {
	return helmv2.HelmReleaseSpec{
		ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"}, Values: values(image),
	}
}

// What a release ran when it was suspended is kept, whatever its values name later: by its values
// then, and by its workloads, which are scaled to zero.
func TestWhatRanIsKept(t *testing.T) {
	w := newWorld(t)
	w.live(app + ":v2")
	w.deploy("web", "web", app+":v1", app+":chart")
	none := int32(0)
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}
	w.create(&appsv1.StatefulSet{ObjectMeta: w.installed("web", "db"), Spec: appsv1.StatefulSetSpec{Replicas: &none, Selector: selector, Template: podTemplate("db", "g.io/o/db:1")}})
	w.create(&appsv1.DaemonSet{ObjectMeta: w.installed("web", "agent"), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: podTemplate("db", "g.io/o/agent:1")}})
	job := podTemplate("job", "g.io/o/job:1")
	job.Spec.RestartPolicy = corev1.RestartPolicyNever
	w.create(&batchv1.Job{ObjectMeta: w.installed("web", "job"), Spec: batchv1.JobSpec{Template: job}})
	job.Spec.Containers[0].Image = "g.io/o/cron:1"
	w.create(&batchv1.CronJob{ObjectMeta: w.installed("web", "cron"), Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: job}}}})
	w.deploy("other", "other", app+":other")
	w.create(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "other"}, Spec: awake(app + ":other")})
	w.start(w.hasty())
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	const workloads = "container/agent==1\ncontainer/app==chart\ncontainer/app==v1\ncontainer/app==v2\n"
	w.until(w.lists(workloads + "container/cron==1\ncontainer/db==1\ncontainer/job==1\n"))
	for _, tag := range []string{"v3", "v4"} {
		w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values(app + ":" + tag) })
		w.afterTheGrace()
		w.until(w.lists(workloads + "container/app==" + tag + "\ncontainer/cron==1\ncontainer/db==1\ncontainer/job==1\n"))
	}
}

// What was installed for a HelmRelease that has another name now counts as what a release ran that names the image.
func TestWhatRanUnderAnEarlierName(t *testing.T) {
	w := newWorld(t)
	w.live(app + ":v1")
	w.deploy("web", "web", app+":v1")
	w.start(w.hasty())
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	w.until(w.lists("container/app==v1\n"))
	w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "web"}})
	renamed := awake(app + ":v2")
	renamed.ReleaseName, renamed.Suspend = "web", true
	w.create(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "shop"}, Spec: renamed})
	w.afterTheGrace()
	w.until(w.lists("container/app==v1\ncontainer/app==v2\n"))
	if got := w.current().report.Releases[0]; got.Name != "shop" || !slices.Equal(got.Ran, []string{"container/app==v1"}) {
		t.Errorf("the report has %+v", got)
	}
}

// revise creates what Kubernetes keeps of an old template of a StatefulSet or a DaemonSet.
func (w *world) revise(set client.Object, kind string, revision int64, template corev1.PodTemplateSpec) {
	w.t.Helper()
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.create(&appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.apps, Name: fmt.Sprint(set.GetName(), "-", revision), Labels: template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind(kind))},
		},
		Data:     runtime.RawExtension{Raw: bytes.Replace(data, []byte(`"template":{`), []byte(`"template":{"$patch":"replace",`), 1)},
		Revision: revision,
	})
}

// What a StatefulSet and a DaemonSet ran before a failed upgrade is kept, although the values of the
// suspended release name something else, and its sets, too.
func TestOldTemplatesOfSetsAreKept(t *testing.T) {
	w := newWorld(t)
	w.live(app + ":v2")
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}
	db := &appsv1.StatefulSet{ObjectMeta: w.installed("web", "db"), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: podTemplate("db", "g.io/o/db:2")}}
	agent := &appsv1.DaemonSet{ObjectMeta: w.installed("web", "agent"), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: podTemplate("db", "g.io/o/agent:2")}}
	other := &appsv1.StatefulSet{ObjectMeta: w.installed("other", "other"), Spec: db.Spec}
	for _, set := range []client.Object{db, agent, other} {
		w.create(set)
	}
	w.revise(db, "StatefulSet", 1, podTemplate("db", "g.io/o/db:1"))
	w.revise(db, "StatefulSet", 2, db.Spec.Template)
	w.revise(agent, "DaemonSet", 1, podTemplate("db", "g.io/o/agent:1"))
	w.revise(other, "StatefulSet", 1, podTemplate("db", "g.io/o/db:other"))
	w.create(&appsv1.ControllerRevision{ObjectMeta: w.installed("web", "of-an-operator"), Data: runtime.RawExtension{Raw: []byte(`{"spec":{"template":"g.io/o/db:0"}}`)}})
	w.start(w.hasty())
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	w.until(w.lists("container/agent==1\ncontainer/agent==2\ncontainer/app==v2\ncontainer/db==1\ncontainer/db==2\n"))
}

// The image of a volume is kept like that of a container, and a pod that mounts it proves the release live.
func TestImageVolumes(t *testing.T) {
	const model = "g.io/o/model"
	w := newWorld(t)
	w.live(model + ":v1")
	mounting := func(tag string) corev1.PodTemplateSpec {
		template := podTemplate("web", app+":v1")
		template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "model", MountPath: "/model"}}
		template.Spec.Volumes = []corev1.Volume{{Name: "model", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: model + ":" + tag}}}}
		return template
	}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	set := &appsv1.ReplicaSet{ObjectMeta: w.installed("web", "web"), Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: mounting("v0")}}
	w.create(set)
	w.start(w.hasty())
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	const all = "container/app==v1\ncontainer/model==v0\ncontainer/model==v1\n"
	w.until(w.lists(all))
	w.resume()
	w.becomeReady()
	w.afterTheGrace()
	w.until(w.lists(all))
	pod := w.podOf(set)
	pod.Spec = mounting("v1").Spec
	w.runPod(pod)
	w.gone()
}

// Of workloads of which nobody knows to which release they belong, the tags of its images are kept.
func TestWorkloadsOfNoRelease(t *testing.T) {
	w := newWorld(t)
	w.live(app + ":v2")
	w.deploy("", "by-an-operator", app+":v0", app+":v1")
	w.deploy("", "beside", "g.io/o/beside:1")
	w.start(w.hasty())
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	w.expect("v0", "v1", "v2")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values(app + ":v3") })
	w.afterTheGrace()
	w.expect("v0", "v1", "v2", "v3")
}

// A resumed release has in the list what it refers to now and what it referred to before, until it
// is live.
func TestResumedReleaseMovesOn(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.resume()
	w.expectHeld("v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values(app + ":v2") })
	w.expectHeld("v1", "v2")
	w.afterTheGrace()
	w.becomeReady()
	w.afterTheGrace()
	w.expectHeld("v1", "v2")
	w.runPod(w.podOf(w.deploy("web", "web", app+":v2")))
	w.gone()
}

// A suspended release keeps the last tag, whatever it was found by.
func TestLastTagIsKept(t *testing.T) {
	untagged := func(w *world) {
		w.suspend("web", "")
		w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values.Raw = fmt.Appendf(nil, `{"image":{"repository":%q}}`, app) })
		w.follow(w.apps, "")
		w.resolve(w.apps, "v1", metav1.ConditionTrue, "")
	}
	policy := func(w *world) client.Object {
		return &imagev1.ImagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "app"}}
	}
	for name, test := range map[string]struct{ before, change func(*world) }{
		"policy deleted": {untagged, func(w *world) { w.remove(policy(w)) }},
		"policy made again": {untagged, func(w *world) {
			w.remove(policy(w))
			w.remove(&imagev1.ImageRepository{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "app"}})
			w.follow(w.apps, "")
		}},
		"values emptied": {func(w *world) { w.suspend("web", app+":v1") }, func(w *world) {
			w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = nil })
		}},
		"values moved to a Secret": {func(w *world) { w.suspend("web", app+":v1") }, func(w *world) {
			w.create(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "values"}, StringData: map[string]string{"values.yaml": "image: " + app + ":v1"},
			})
			w.changeRelease(func(r *helmv2.HelmRelease) {
				r.Spec.Values, r.Spec.ValuesFrom = nil, []helmv2.ValuesReference{{Kind: "Secret", Name: "values"}}
			})
		}},
		"values source deleted": {
			func(w *world) {
				w.valuesFrom("values", "image: "+app+":v1")
				w.suspendFrom("web", "ConfigMap", "values", true)
			},
			func(w *world) {
				w.remove(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "values"}})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start(w.hasty())
			test.before(w)
			w.until(w.lists("container/app==v1\n"))
			test.change(w)
			w.expectInReport(string(v1alpha1.ReasonLastTagKept))
			w.afterTheGrace()
			w.expect("v1")
			off := func(r *helmv2.HelmRelease) { annotate(r, "disabled") }
			w.changeRelease(off)
			w.gone()
		})
	}
}

// Neither another release's pod proves a release live, nor one whose image cannot be pulled, nor a
// Job's.
func TestFalseProof(t *testing.T) {
	w := newWorld(t)
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.resume()
	w.expectHeld("v1")
	w.becomeReady()
	w.runPod(w.podOf(w.deploy("other", "other", app+":v1")))
	own := w.deploy("web", "web", app+":v1")
	pulling := w.podOf(own)
	w.create(pulling)
	pulling.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "app", Image: app + ":v1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}},
	}}}
	if err := w.client.Status().Update(t.Context(), pulling); err != nil {
		t.Fatal(err)
	}
	template := podTemplate("job", app+":v1")
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	job := &batchv1.Job{ObjectMeta: w.installed("web", "job"), Spec: batchv1.JobSpec{Template: template}}
	w.create(job)
	w.runPod(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.apps, Name: "job-1",
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: template.Spec,
	})
	w.afterTheGrace()
	w.expectInReport("no pod in " + w.apps + " runs it")
	w.expectHeld("v1")
	w.runPod(w.podOf(own))
	w.gone()
}

// A pod of which nobody knows to which release it belongs counts for all, and the report says so.
func TestPodOfNoRelease(t *testing.T) {
	w := newWorld(t)
	options := w.hasty()
	options.Pins.Grace *= 2
	w.start(options)
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.resume()
	w.becomeReady()
	w.runPod(w.podOf(w.deploy("", "by-an-operator", app+":v1")))
	w.expectInReport(string(v1alpha1.ReasonProofNotTraced))
	w.gone()
}

// Where workloads of one kind may not be read, the values and the other kinds show what ran, and the
// report says so.
func TestWorkloadsCannotBeRead(t *testing.T) {
	w := newWorld(t)
	refused := &refusals{resource: "statefulsets"}
	refused.wrap(w)
	refused.set(true)
	w.live(app + ":v1")
	w.deploy("web", "web", app+":v0")
	w.start(w.hasty())
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	w.expectInReport(string(v1alpha1.ReasonWorkloadsNotRead))
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values = values(app + ":v2") })
	w.afterTheGrace()
	w.expect("v0", "v1", "v2")
}

// A read of workloads that fails makes the list incomplete until it succeeds, and nothing is
// removed before.
func TestWorkloadsReadFails(t *testing.T) {
	w := newWorld(t)
	var fails atomic.Bool
	fails.Store(true)
	w.intercept(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if fails.Load() && strings.HasSuffix(request.URL.Path, "/deployments") {
			return nil, errors.New("cut off")
		}
		return next.RoundTrip(request)
	})
	w.start(w.hasty())
	w.suspend("web", app+":v1")
	w.expectComplete("false")
	w.expectInReport("cut off")
	fails.Store(false)
	w.expectComplete("true")
}
