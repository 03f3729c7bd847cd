package registry

import (
	"compress/gzip"
	"net/http"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// A chart's archive exists, or a Helm repository confirms that it does not. Anything else is no answer.
func TestCharts(t *testing.T) {
	for name, test := range map[string]struct {
		archive, index int
		body           string
		want           v1alpha1.ImageStatus
		message        string
	}{
		"present":         {http.StatusOK, http.StatusNotFound, "\x1f\x8b\x08", v1alpha1.ImagePresent, ""},
		"missing":         {http.StatusNotFound, http.StatusOK, "", v1alpha1.ImageMissing, "no such version"},
		"no repository":   {http.StatusNotFound, http.StatusNotFound, "", v1alpha1.ImageUnknown, "404"},
		"hidden":          {http.StatusNotFound, http.StatusForbidden, "", v1alpha1.ImageUnauthorized, "403"},
		"denied":          {http.StatusForbidden, http.StatusOK, "", v1alpha1.ImageUnauthorized, "403"},
		"another success": {http.StatusNoContent, http.StatusOK, "", v1alpha1.ImageUnknown, "204"},
		"a page":          {http.StatusOK, http.StatusOK, "<!DOCTYPE html>", v1alpha1.ImageUnknown, "no archive of a chart"},
		"a login":         {http.StatusFound, http.StatusOK, "", v1alpha1.ImageUnknown, "no archive of a chart"},
		"nothing":         {http.StatusOK, http.StatusOK, "", v1alpha1.ImageUnknown, "no archive of a chart"},
	} {
		host := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/api/packages/team/helm/web-1.0.0+b.tgz":
				w.Header().Set("Location", "/login")
				w.WriteHeader(test.archive)
				_, _ = w.Write([]byte(test.body)) // some statuses have no body
			case "/login":
				w.WriteHeader(http.StatusOK)
				_, _ = w.Write([]byte("<!DOCTYPE html>"))
			case "/api/packages/team/helm/index.yaml":
				w.WriteHeader(test.index)
			default:
				w.WriteHeader(http.StatusTeapot)
			}
		})
		chart, ok := image.Chart("https://"+host+"/api/packages/team/helm", "web", "1.0.0+b")
		if !ok {
			t.Fatal(host)
		}
		t.Run(name, func(t *testing.T) {
			expect(t, anonymous(host).Check(t.Context(), []image.Reference{chart}, func() {})[0], test.want, test.message)
		})
	}
}

// Some servers declare the archive itself as the encoding of its answer.
func TestChartsDeclaredAsEncoded(t *testing.T) {
	host := registryOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		archive := gzip.NewWriter(w)
		_ = archive.Close() // the client does not read it to the end
	})
	chart, _ := image.Chart("https://"+host+"/api/packages/team/helm", "web", "1.0.0")
	expect(t, anonymous(host).Check(t.Context(), []image.Reference{chart}, func() {})[0], v1alpha1.ImagePresent, "")
}

// What is spoken to in TLS is said to be unreachable, with the host as the user names it.
func TestChartsInPlainHTTP(t *testing.T) {
	host := registryOf(t, func(http.ResponseWriter, *http.Request) {})
	chart, _ := image.Chart("http://"+host+"/api/packages/team/helm", "web", "1.0.0")
	expect(t, anonymous().Check(t.Context(), []image.Reference{chart}, func() {})[0], v1alpha1.ImageUnreachable, "--insecure-registry "+host)
}
