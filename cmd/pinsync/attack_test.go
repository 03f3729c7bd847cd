package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/apis/meta"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// maxPeak is the largest resident set that leaves room below the memory limit of config/default.
const maxPeak = 460 << 20

// attacker is a tenant with all rights in one namespace.
type attacker struct {
	*deployment
	namespace string
}

// attacks are what one tenant writes to harm the others.
var attacks = map[string]func(*attacker){
	"charts": (*attacker).charts,
	"heavy patterns": func(a *attacker) {
		for i := range 40 {
			a.policy(i, "app", strings.Repeat("(.*a.*b)?", 60)+strings.Repeat("(a?b?c?d?)", 60)+"$")
		}
		a.repository("app")
		a.release("many", images("g.io/o/app:"+strings.Repeat("ab", 50), 2000), nil)
	},
	"long names": func(a *attacker) {
		for i := range 3 {
			a.policy(i, strings.Repeat("x-", 400_000), "^a$")
		}
		a.release("long", "tag: 1", nil)
	},
	"long list": func(a *attacker) {
		a.values(strings.Repeat("x", 60_000))
		for i := range 20 {
			a.release(fmt.Sprint("list-", i), "", &helmv2.HelmReleaseSpec{
				ValuesFrom: []meta.ValuesReference{{Kind: "ConfigMap", Name: "big", TargetPath: "a[65535].b[65535]"}},
			})
		}
	},
	"aliases": func(a *attacker) {
		a.values(aliases())
		a.release("values", "", &helmv2.HelmReleaseSpec{ValuesFrom: []meta.ValuesReference{{Kind: "ConfigMap", Name: "big"}}})
		a.release("patch", "", &helmv2.HelmReleaseSpec{PostRenderers: []helmv2.PostRenderer{
			{Kustomize: &helmv2.Kustomize{Patches: []kustomize.Patch{{Patch: aliases()}}}},
		}})
	},
	"aliases of a long text": func(a *attacker) {
		a.values("s: &s " + strings.Repeat("x", 300_000) + "\nl: [" + strings.TrimSuffix(strings.Repeat("*s,", 1000), ",") + "]\n")
		a.release("values", "", &helmv2.HelmReleaseSpec{ValuesFrom: []meta.ValuesReference{{Kind: "ConfigMap", Name: "big"}}})
	},
	"entries of very many ConfigMaps": func(a *attacker) {
		entries := make([]meta.ValuesReference, 15_000)
		for i := range entries {
			entries[i] = meta.ValuesReference{Kind: "ConfigMap", Name: fmt.Sprint("values-", i)}
		}
		for i := range 5 {
			a.release(fmt.Sprint("entries-", i), "", &helmv2.HelmReleaseSpec{ValuesFrom: entries})
		}
	},
	"many images": func(a *attacker) {
		for i := range 2 {
			a.release(fmt.Sprint("many-", i), images(fmt.Sprint("g.io/o/a:", i), 60_000), nil)
		}
		a.deleteReleases()
	},
	"many entries of one ConfigMap": func(a *attacker) {
		a.values("text: " + strings.Repeat("x", 900_000))
		entries := make([]meta.ValuesReference, 90)
		for i := range entries {
			entries[i] = meta.ValuesReference{Kind: "ConfigMap", Name: "big"}
		}
		for i := range 100 {
			a.release(fmt.Sprint("entries-", i), "", &helmv2.HelmReleaseSpec{ValuesFrom: entries})
		}
	},
	"tags anew all the time": func(a *attacker) {
		a.release("moving", images("g.io/o/app:start", 500), nil)
		a.repeatedly(func(ctx context.Context, i int) error {
			return a.client.Patch(ctx, &helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "moving"}},
				client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"values":{"text":%q}}}`, images(fmt.Sprint("g.io/o/app:t", i), 500))))
		})
	},
	"large values anew all the time": func(a *attacker) {
		a.release("large", "start", nil)
		a.repeatedly(func(ctx context.Context, i int) error {
			return a.client.Patch(ctx, &helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "large"}},
				client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"values":{"text":%q}}}`, strings.Repeat(fmt.Sprintf("g.io/o/app: %d-", i), 70_000))))
		})
	},
	"large workloads": func(a *attacker) {
		for i := range 100 {
			labels := map[string]string{"app": "large"}
			a.create(&appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: fmt.Sprint("large-", i), Annotations: map[string]string{"text": strings.Repeat("x", 250_000)}},
				Spec: appsv1.DeploymentSpec{
					Selector: &metav1.LabelSelector{MatchLabels: labels},
					Template: corev1.PodTemplateSpec{
						ObjectMeta: metav1.ObjectMeta{Labels: labels},
						Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a", Env: []corev1.EnvVar{{Name: "A", Value: strings.Repeat("x", 900_000)}}}}},
					},
				},
			})
		}
		a.release("asleep", "image: g.io/o/app:v1", nil)
	},
}

// images are so many images of a prefix in a text.
func images(prefix string, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%s-%d ", prefix, i)
	}
	return text.String()
}

// aliases are a short text of gigabytes.
func aliases() string {
	text := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 30 {
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	return text
}

func (a *attacker) create(o client.Object) {
	a.t.Helper()
	localtest.Must(a.t, a.client.Create(a.t.Context(), o))
}

func (a *attacker) policy(i int, repository, pattern string) {
	a.t.Helper()
	a.create(&imagev1.ImagePolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: fmt.Sprint("policy-", i)},
		Spec: imagev1.ImagePolicySpec{
			ImageRepositoryRef: meta.NamespacedObjectReference{Name: repository}, FilterTags: &imagev1.TagFilter{Pattern: pattern},
			Policy: imagev1.ImagePolicyChoice{Alphabetical: &imagev1.AlphabeticalPolicy{}},
		},
	})
}

func (a *attacker) repository(name string) {
	a.t.Helper()
	a.create(&imagev1.ImageRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: name}, Spec: imagev1.ImageRepositorySpec{Image: "g.io/o/" + name},
	})
}

// values creates the ConfigMap big with values.
func (a *attacker) values(text string) {
	a.t.Helper()
	a.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "big"}, Data: map[string]string{"values.yaml": text}})
}

// release creates a suspended release with a text in its values.
func (a *attacker) release(name, text string, spec *helmv2.HelmReleaseSpec) {
	a.t.Helper()
	if spec == nil {
		spec = &helmv2.HelmReleaseSpec{}
	}
	spec.Suspend = true
	spec.ChartRef = cmp.Or(spec.ChartRef, &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "app"})
	spec.Values = &apiextensionsv1.JSON{Raw: fmt.Appendf(nil, `{"text":%q}`, text)}
	a.create(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: name}, Spec: *spec})
}

// repeatedly changes something as fast as the API server takes it, until the test ends.
func (a *attacker) repeatedly(change func(ctx context.Context, i int) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(a.t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			if err := change(ctx, i); err != nil && ctx.Err() == nil {
				a.t.Error(err)
				return
			}
		}
	}()
	a.t.Cleanup(func() {
		cancel()
		<-done
	})
}

func (a *attacker) deleteReleases() {
	a.t.Helper()
	localtest.Must(a.t, a.client.DeleteAllOf(a.t.Context(), &helmv2.HelmRelease{}, client.InNamespace(a.namespace)))
}

// Whatever one tenant writes, the release of another one is pinned meanwhile, by a process with the
// limits of config/default, which can also be restarted then.
func TestAttacks(t *testing.T) {
	d := deployAlone(t)
	d.args = slices.DeleteFunc(d.args, func(arg string) bool { return arg == "--leader-elect" }) // so that nobody waits for a lease
	for _, variable := range d.podTemplate().Spec.Containers[0].Env {
		if variable.Value != "" {
			t.Setenv(variable.Name, variable.Value)
		}
	}
	t.Setenv("GOMAXPROCS", "1") // the limit of CPUs
	d.kubectl("create", "namespace", "kotkan")
	for i, name := range slices.Sorted(maps.Keys(attacks)) {
		t.Run(name, func(t *testing.T) {
			of := *d
			of.t = t
			a := &attacker{deployment: &of, namespace: fmt.Sprint("greedy-", i)}
			a.kubectl("create", "namespace", a.namespace)
			r := a.start()
			a.suspendAndWait(fmt.Sprint("before-", i))
			attacks[name](a)
			a.suspendAndWait(fmt.Sprint("during-", i))
			a.suspendAndWait(fmt.Sprint("again-", i))
			a.expectPeak(r.PID())
			r.Kill()
			r = a.start()
			a.suspendAndWait(fmt.Sprint("restarted-", i))
			a.expectPeak(r.PID())
		})
	}
}

// suspendAndWait creates a suspended release, and waits until it is pinned.
func (d *deployment) suspendAndWait(name string) {
	d.t.Helper()
	began := time.Now()
	other := &attacker{deployment: d, namespace: "kotkan"}
	other.release(name, "git.oleks.space/oleks/"+name+":v1", nil)
	localtest.Until(d.t, func() (bool, string) {
		lines := ""
		lists := &corev1.ConfigMapList{}
		if err := d.client.List(d.t.Context(), lists, client.InNamespace("pinsync-system"), client.HasLabels{"pinsync.oleks.space/pins"}); err != nil {
			return false, err.Error()
		}
		for i := range lists.Items {
			lines += lists.Items[i].Data["registry-pins.txt"]
		}
		return strings.Contains(lines, "container/"+name+"==v1\n"), "the pin is missing"
	})
	d.t.Logf("%s: pinned after %s", name, time.Since(began).Round(10*time.Millisecond))
}

// expectPeak expects that the largest resident set of a process leaves room below its limit.
func (d *deployment) expectPeak(pid int) {
	d.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		d.t.Logf("the peak of the resident set is not known: %v", err)
		return
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	peak, err := strconv.Atoi(strings.Fields(rest + " x")[0])
	localtest.Must(d.t, err)
	d.t.Logf("the largest resident set was %d MiB", peak>>10)
	if peak<<10 > maxPeak {
		d.t.Errorf("the largest resident set was %d MiB", peak>>10)
	}
}
