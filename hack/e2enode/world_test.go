//go:build e2enode && linux

package e2enode

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// world is the cluster with a namespace of a test's own, and a witness of the list.
type world struct {
	*cluster
	*localtest.Witness
	t         *testing.T
	namespace string
}

// newWorld creates the namespace, with the source of the chart that releases are of.
func newWorld(t *testing.T) *world {
	t.Helper()
	namespace := strings.ToLower(t.Name())
	w := &world{cluster: shared, Witness: localtest.StartWitness(t, shared.plane.Config), t: t, namespace: namespace}
	login, err := w.registry.Login(namespace)
	localtest.Must(t, err)
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, login, w.registry.ChartSource(namespace),
	} {
		localtest.Must(t, w.client.Create(t.Context(), object))
	}
	return w
}

// image returns the reference of an image of the test.
func (w *world) image(tag string) string { return repositories + w.namespace + ":" + tag }

// pin returns the line of the list for an image of the test.
func (w *world) pin(tag string) string { return testbed.Pin(w.namespace, tag) }

// push pushes an image of the test.
func (w *world) push(tag string) {
	w.t.Helper()
	_, err := w.pushProgram(w.t.Context(), workloadProgram, w.image(tag))
	localtest.Must(w.t, err)
}

// newRelease returns a HelmRelease with a tag of the test's image.
func (w *world) newRelease(name, tag string, suspend bool) *helmv2.HelmRelease {
	return testbed.NewRelease(w.namespace, name, suspend, w.values(tag))
}

func (w *world) values(tag string) *apiextensionsv1.JSON {
	repository, _, _ := strings.Cut(w.image(tag), ":")
	return &apiextensionsv1.JSON{Raw: fmt.Appendf(nil, `{"image": {"repository": %q, "tag": %q}}`, repository, tag)}
}

// changeRelease patches a HelmRelease as a user does.
func (w *world) changeRelease(name string, change func(*helmv2.HelmRelease)) {
	w.t.Helper()
	release := &helmv2.HelmRelease{}
	localtest.Must(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, release))
	before := release.DeepCopy()
	change(release)
	localtest.Must(w.t, w.client.Patch(w.t.Context(), release, client.MergeFrom(before)))
}

// suspendNew creates a suspended release with a tag of the test's image, and waits until the
// list has it. It must have it from then on.
func (w *world) suspendNew(tag string) {
	w.t.Helper()
	w.Needs(w.pin(tag))
	localtest.Must(w.t, w.client.Create(w.t.Context(), w.newRelease("asleep-"+tag, tag, true)))
	w.lists(w.pin(tag))
}

// lists waits until the list is complete and has these pins.
func (w *world) lists(pins ...string) {
	w.t.Helper()
	w.awaitList(true, pins)
}

// removes waits until the list is complete and has none of these pins.
func (w *world) removes(pins ...string) {
	w.t.Helper()
	w.awaitList(false, pins)
}

func (w *world) awaitList(want bool, pins []string) {
	w.t.Helper()
	err := local.Until(w.t.Context(), localtest.Timeout, func(ctx context.Context) (bool, string) {
		var list corev1.ConfigMap
		if err := w.client.Get(ctx, client.ObjectKey{Namespace: testbed.OwnNamespace, Name: "registry-pins"}, &list); err != nil {
			return false, err.Error()
		}
		listed := strings.Fields(list.Data["registry-pins.txt"])
		wrong := slices.DeleteFunc(slices.Clone(pins), func(pin string) bool { return slices.Contains(listed, pin) == want })
		complete := list.Annotations["pinsync.oleks.space/complete"] == "true"
		return complete && len(wrong) == 0, fmt.Sprintf("the list, complete: %t, has %d pins; want that each of these is listed: %t: %q",
			complete, len(listed), want, wrong)
	})
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.reported())
	}
}

// reported returns what may be wrong: pinsync's Pods, the test's releases, and from the report why
// pins are held, and its problems.
func (w *world) reported() string {
	var found []string
	for _, args := range [][]string{{"get", "pods", "-n", testbed.OwnNamespace}, {"get", "helmreleases", "-n", w.namespace}} {
		output, err := w.plane.Kubectl(w.t.Context(), args...)
		found = append(found, first(strings.Split(output, "\n")), fmt.Sprint(err))
	}
	var report v1alpha1.PinReport
	err := local.Until(w.t.Context(), localtest.Timeout, func(ctx context.Context) (bool, string) {
		var text corev1.ConfigMap
		err := w.client.Get(ctx, client.ObjectKey{Namespace: testbed.OwnNamespace, Name: "registry-pins-report"}, &text)
		if err == nil {
			err = json.Unmarshal([]byte(text.Data["report.json"]), &report)
		}
		return err == nil, fmt.Sprint(err)
	})
	found = append(found, fmt.Sprintf("problems: %+v, %v", report.Problems, err))
	var held []string
	for i := range report.Pins {
		if because := report.Pins[i].HeldBecause; because != nil {
			held = append(held, report.Pins[i].Pin+" is held: "+*because)
		}
	}
	return strings.Join(append(found, first(held)), "\n")
}

// first returns the first of many lines.
func first(lines []string) string { return strings.Join(lines[:min(len(lines), 20)], "\n") }

// kubectl runs kubectl as the administrator, and returns what it printed.
func (w *world) kubectl(args ...string) string {
	w.t.Helper()
	output, err := w.plane.Kubectl(w.t.Context(), args...)
	localtest.Must(w.t, err)
	return output
}
