package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A tenant that writes what would cost all time and memory has a problem, and keeps what he had; the
// release of another one is listed meanwhile.
func TestTenantBeyondTheBudget(t *testing.T) {
	inline := func(raw string) func(*world, *helmv2.HelmRelease) {
		return func(_ *world, r *helmv2.HelmRelease) { r.Spec.Values = &apiextensionsv1.JSON{Raw: []byte(raw)} }
	}
	from := func(text string, refs ...meta.ValuesReference) func(*world, *helmv2.HelmRelease) {
		return func(w *world, r *helmv2.HelmRelease) {
			w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "big"}, Data: map[string]string{"values.yaml": text}})
			r.Spec.ValuesFrom = refs
		}
	}
	images := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("g.io/o/a:%d", i))
		}
		return strings.Join(list, " ")
	}
	laughs := "a0: &a0 [x,x,x,x,x,x,x,x]\n"
	for i := range 30 {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 8), ","))
	}
	big := meta.ValuesReference{Kind: "ConfigMap", Name: "big"}
	many := make([]meta.ValuesReference, 2000)
	for i := range many {
		many[i] = big
	}
	for name, exceed := range map[string]func(*world, *helmv2.HelmRelease){
		"images":        inline(`{"text":"` + images(60_000) + `"}`),
		"nodes":         inline(`{"list":[` + strings.Repeat("1,", 500_000) + `1]}`),
		"depth":         inline(`{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`),
		"aliases":       from(laughs, big),
		"sources":       from("image: g.io/o/a:1", many...),
		"large sources": from("text: "+strings.Repeat("x", 900_000), many[:90]...),
		"lists":         from("x", meta.ValuesReference{Kind: "ConfigMap", Name: "big", TargetPath: "a[65535]"}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newLoneWorld(t)
			w.start(w.options())
			w.suspend("web", app+":v1")
			w.expect("v1")
			beyond := &helmv2.HelmRelease{}
			exceed(w, beyond)
			w.changeRelease(func(r *helmv2.HelmRelease) {
				r.Spec.Values, r.Spec.ValuesFrom = beyond.Spec.Values, beyond.Spec.ValuesFrom
			})
			w.suspend("other", app+":v2")
			w.expect("v1", "v2")
			w.expectInReport("OverBudget")
			w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Values, r.Spec.ValuesFrom = values(app+":v3"), nil })
			w.expect("v2", "v3")
		})
	}
}

// Policies that would take very long to match, or to be indexed, harm nobody.
func TestPoliciesBeyondTheBudget(t *testing.T) {
	w := newLoneWorld(t)
	w.start(w.options())
	for i := range 40 {
		name := fmt.Sprint("heavy-", i)
		w.create(&imagev1.ImagePolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: name},
			Spec: imagev1.ImagePolicySpec{
				ImageRepositoryRef: meta.NamespacedObjectReference{Name: strings.Repeat("x-", 100_000)},
				FilterTags:         &imagev1.TagFilter{Pattern: strings.Repeat("(a?b?c?d?){9}", 70) + "$"},
				Policy:             imagev1.ImagePolicyChoice{Alphabetical: &imagev1.AlphabeticalPolicy{}},
			},
		})
	}
	var tags []string
	for i := range 2000 {
		tags = append(tags, fmt.Sprintf(`{"image":{"tag":"%d-%s"}}`, i, strings.Repeat("abcd", 25)))
	}
	w.create(&helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "heavy"},
		Spec: helmv2.HelmReleaseSpec{
			ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"}, Suspend: true,
			Values: &apiextensionsv1.JSON{Raw: []byte(`{"list":[` + strings.Join(tags, ",") + `]}`)},
		},
	})
	w.suspend("other", app+":v1")
	w.until(func(ctx context.Context) (bool, string) {
		lines := w.list(ctx).Data["registry-pins.txt"]
		return strings.Contains(lines, "container/app==v1\n"), lines
	})
	if err := w.client.DeleteAllOf(t.Context(), &imagev1.ImagePolicy{}, client.InNamespace(w.apps)); err != nil {
		t.Fatal(err)
	}
}

// The releases of a namespace whose values take too long together are found one after the other,
// and the list is incomplete meanwhile; those of others do not wait.
func TestNamespaceBeyondItsShare(t *testing.T) {
	w := newLoneWorld(t)
	w.start(w.options())
	w.suspend("calm", app+":v1")
	w.expect("v1")
	greedy := w.apps + "-greedy"
	w.createNamespace(greedy)
	w.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: greedy, Name: "big"}, Data: map[string]string{"values.yaml": "text: " + strings.Repeat("x", 900_000)},
	})
	const releases = 12
	for i := range releases {
		w.create(&helmv2.HelmRelease{
			ObjectMeta: metav1.ObjectMeta{Namespace: greedy, Name: fmt.Sprint("greedy-", i)},
			Spec: helmv2.HelmReleaseSpec{
				ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"}, Suspend: true,
				ValuesFrom: []meta.ValuesReference{{Kind: "ConfigMap", Name: "big"}}, Values: values(fmt.Sprint(app, ":greedy-", i)),
			},
		})
	}
	w.expectInReport("the values of its namespace have taken too long lately")
	w.suspend("other", app+":v2")
	w.until(func(ctx context.Context) (bool, string) {
		list := w.list(ctx)
		lines := list.Data["registry-pins.txt"]
		found := strings.Count(lines, "==greedy-")
		if found == releases && !strings.Contains(lines, "==v2\n") {
			t.Fatal("the release of another namespace has waited for all of them")
		}
		if complete := list.Annotations["pinsync.oleks.space/complete"]; complete == "true" && found < releases {
			t.Fatalf("the list is complete with %d of %d", found, releases)
		}
		return strings.Contains(lines, "==v2\n") && found == releases, lines
	})
	w.expectComplete("true")
}

// Of the releases of a namespace that take very many images from one ConfigMap, some are refused, and found when others
// are gone; those of other namespaces do not depend on them.
func TestNamespaceBeyondItsMemory(t *testing.T) {
	w := newLoneWorld(t)
	w.start(w.options())
	w.suspend("calm", app+":v1")
	w.expect("v1")
	greedy := w.apps + "-hoarder"
	w.createNamespace(greedy)
	const images, releases, most = 9900, 8, 5
	text := strings.Repeat("- image: "+app+":shared\n", images)
	w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: greedy, Name: "many"}, Data: map[string]string{"values.yaml": "list:\n" + text}})
	for i := range releases {
		w.create(&helmv2.HelmRelease{
			ObjectMeta: metav1.ObjectMeta{Namespace: greedy, Name: fmt.Sprint("greedy-", i)},
			Spec: helmv2.HelmReleaseSpec{
				ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"}, Suspend: true,
				ValuesFrom: []meta.ValuesReference{{Kind: "ConfigMap", Name: "many"}}, Values: values(fmt.Sprint(app, ":greedy-", i)),
			},
		})
	}
	needed := func(p *published) (greedy []string, hasOther bool) {
		for i := range p.report.Pins {
			switch pin := &p.report.Pins[i]; {
			case len(pin.NeededBy) == 0:
			case strings.Contains(pin.Pin, "==greedy-"):
				greedy = append(greedy, strings.TrimPrefix(pin.Pin, "container/app=="))
			case strings.HasSuffix(pin.Pin, "==v2"):
				hasOther = true
			}
		}
		return greedy, hasOther
	}
	refused := func(p *published) int {
		return strings.Count(p.object.Data["report.json"], "16 MiB of images and values in all releases of its namespace")
	}
	var accepted []string
	w.report(func(p *published) (bool, string) {
		accepted, _ = needed(p)
		return len(accepted) == most && refused(p) == releases-most, fmt.Sprintf("%q, %d are refused", accepted, refused(p))
	})
	w.suspend("other", app+":v2")
	w.report(func(p *published) (bool, string) {
		now, hasOther := needed(p)
		return hasOther && slices.Equal(now, accepted), fmt.Sprintf("%q, another namespace's: %t", now, hasOther)
	})
	w.expectComplete("true")
	for _, name := range accepted[:releases-most] {
		w.remove(&helmv2.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: greedy, Name: name}})
	}
	w.report(func(p *published) (bool, string) {
		now, _ := needed(p)
		return len(now) == most && refused(p) == 0, fmt.Sprintf("%q, %d are refused", now, refused(p))
	})
}
