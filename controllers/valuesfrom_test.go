package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// suspendFrom creates a suspended release with values from one source and none of
// its own.
func (w *world) suspendFrom(name, kind, source string, optional bool) {
	w.t.Helper()
	w.create(&helmv2.HelmRelease{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: name},
		Spec: helmv2.HelmReleaseSpec{
			ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "chart"},
			Suspend:  true, Interval: metav1.Duration{Duration: time.Hour},
			ValuesFrom: []helmv2.ValuesReference{{Kind: kind, Name: source, Optional: optional}},
		},
	})
}

func TestValuesFromConfigMap(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.options())
	w.valuesFrom("values", "image: "+app+":v1")
	w.suspendFrom("web", "ConfigMap", "values", false)
	w.expect("v1")
	w.valuesFrom("values", "image: "+app+":v2")
	w.expect("v2")

	// Values that are broken or gone: the release keeps all that is listed for it.
	w.valuesFrom("values", "image: [")
	w.expectInReport("is not YAML")
	w.expect("v1", "v2")
	if err := w.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "values"}}); err != nil {
		t.Fatal(err)
	}
	w.expectInReport("ConfigMap values does not exist")
	w.expect("v1", "v2")
	stop()
	stop = w.start(w.options())
	w.suspend("marker", app+":marker")
	if w.expect("marker", "v1", "v2").list.Annotations["pinsync.oleks.space/complete"] != "true" {
		t.Error("a source that does not exist makes the list incomplete")
	}

	w.valuesFrom("values", "image: "+app+":v3")
	w.expect("marker", "v3")
	// What changed while nobody watched is seen at the start.
	stop()
	w.valuesFrom("values", "image: "+app+":v4")
	w.start(w.options())
	w.expect("marker", "v4")
}

func TestValuesFromSourceThatAppearsLater(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspendFrom("strict", "ConfigMap", "strict", false)
	w.suspendFrom("optional", "ConfigMap", "optional", true)
	if text := w.expectInReport("ConfigMap strict does not exist").object.Data["report.json"]; strings.Contains(text, "ConfigMap optional") {
		t.Errorf("a source that is optional is a problem: %s", text)
	}
	w.valuesFrom("optional", "image: "+app+":optional")
	w.expect("optional")
	w.valuesFrom("strict", "image: "+app+":strict")
	w.expect("optional", "strict")
}

func TestValuesFromSecret(t *testing.T) {
	w := newWorld(t)
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "values"},
		StringData: map[string]string{"values.yaml": "image: " + app + ":v1"},
	})
	w.suspendFrom("web", "Secret", "values", false)
	stop := w.start(w.options())
	w.expectInReport("secretValues is Ignore")
	w.expect()
	stop()
	options := w.options()
	options.ReadSecrets = true
	w.start(options)
	w.expect("v1")
	change(w, &corev1.Secret{}, w.apps, "values", func(s *corev1.Secret) { s.Data["values.yaml"] = []byte("image: " + app + ":v2") })
	w.expect("v2")
}

// Only what releases name is read: of a hundred other ConfigMaps none is.
func TestOnlyNamedSourcesAreRead(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		w.valuesFrom(fmt.Sprint("other-", i), "image: "+app+":other")
	}
	w.valuesFrom("values", "image: "+app+":v1")
	w.suspendFrom("web", "ConfigMap", "values", false)
	reads := countReads(t, w)
	w.start(w.options())
	w.expect("v1")
	w.valuesFrom("other-1", "image: "+app+":changed")
	w.suspend("marker", app+":marker")
	w.expect("marker", "v1")
	for path, n := range reads() {
		if strings.Contains(path, "/configmaps/other-") || strings.HasSuffix(path, "/configmaps/values") && n != 1 {
			t.Errorf("%s was read %d times", path, n)
		}
	}
	var list corev1.ConfigMapList
	if err := w.client.List(t.Context(), &list, client.InNamespace(w.apps)); err != nil || len(list.Items) < 101 {
		t.Errorf("the tenant has %d ConfigMaps, %v: too few to prove anything", len(list.Items), err)
	}
}
