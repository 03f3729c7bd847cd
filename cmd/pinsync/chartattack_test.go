package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
	"git.oleks.space/oleks/pinsync/internal/budget"
)

// chartAttacks are templates that are programs for harm: each wants all the memory.
var chartAttacks = map[string]string{
	"until":     "{{ range until 2000000000 }}{{ end }}",
	"text":      "{{ repeat 2000000000 `x` }}",
	"output":    "{{ repeat 100000000 `x` }}",
	"recursion": `{{ define "again" }}{{ tpl "{{ include \"again\" . }}{{ include \"again\" . }}" . }}{{ end }}{{ include "again" . }}`,
}

// charts creates releases of each of the charts that attack, of one that unpacks to more than there is
// memory for, of one whose archive never ends, and in another namespace of one that never ends, after
// which its namespace would have to wait. Another tenant suspends releases until all of them have failed.
func (a *attacker) charts() {
	a.t.Helper()
	for name, template := range chartAttacks {
		a.releaseOf(name, a.pack(fstest.MapFS{"app/templates/a.yaml": {Data: []byte(template)}}))
	}
	a.releaseOf("bomb", a.pack(fstest.MapFS{"app/zeros": {Data: make([]byte, 4*budget.ChartUnpacked)}}))
	a.releaseOf("endless", nil)
	patient := &attacker{deployment: a.deployment, namespace: a.namespace + "-loop"}
	patient.kubectl("create", "namespace", patient.namespace)
	patient.releaseOf("loop", a.pack(fstest.MapFS{"app/templates/a.yaml": {Data: []byte(
		"{{ range until 60000 }}{{ range until 60000 }}{{ range until 60000 }}{{ end }}{{ end }}{{ end }}")}}))
	for i := 0; !a.haveFailed(len(chartAttacks) + 3); i++ {
		a.suspendAndWait(fmt.Sprint("rendering-", i))
	}
}

// haveFailed reports whether the charts of so many releases could not be read or rendered.
func (a *attacker) haveFailed(n int) bool {
	a.t.Helper()
	report, _ := localtest.Report(a.t, a.client, "pinsync-system")
	for i := range report.Releases {
		of := &report.Releases[i]
		if strings.HasPrefix(of.Namespace, a.namespace) && slices.ContainsFunc(of.Problems, func(p v1alpha1.Problem) bool { return strings.HasPrefix(string(p.Reason), "ChartNot") }) {
			n--
		}
	}
	return n == 0
}

// pack packs a chart with files besides.
func (a *attacker) pack(files fstest.MapFS) []byte {
	a.t.Helper()
	files["app/Chart.yaml"] = &fstest.MapFile{Data: []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n"), Mode: 0o644}
	archive, err := testbed.Archive(files)
	localtest.Must(a.t, err)
	return archive
}

// releaseOf creates a release of a chart, which is served as source-controller does; the archive
// of one that is nil never ends.
func (a *attacker) releaseOf(name string, archive []byte) {
	a.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		_, err := response.Write(archive)
		for archive == nil && err == nil {
			_, err = response.Write(make([]byte, 1<<16))
		}
	}))
	a.t.Cleanup(server.Close)
	source := testbed.FluxObject(testbed.SourceAPI, "OCIRepository", a.namespace, name, map[string]any{"interval": "1h", "url": "oci://registry.example.com/" + name})
	a.create(source)
	localtest.Must(a.t, unstructured.SetNestedMap(source.Object, map[string]any{
		"url": server.URL + "/" + name, "path": name, "revision": name, "digest": fmt.Sprintf("sha256:%x", sha256.Sum256(archive)),
		"lastUpdateTime": time.Now().UTC().Format(time.RFC3339), "size": int64(len(archive)),
	}, "status", "artifact"))
	localtest.Must(a.t, unstructured.SetNestedField(source.Object, source.GetGeneration(), "status", "observedGeneration"))
	localtest.Must(a.t, a.client.Status().Update(a.t.Context(), source))
	a.release(name, "", &helmv2.HelmReleaseSpec{ChartRef: &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: name}})
}
