package registry

import (
	"net/http"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// A chart's archive exists, or a Helm repository confirms that it does not. Anything else is no answer.
func TestCharts(t *testing.T) {
	for name, test := range map[string]struct {
		archive, index int
		want           v1alpha1.ImageStatus
		message        string
	}{
		"present":         {http.StatusOK, http.StatusNotFound, v1alpha1.ImagePresent, ""},
		"missing":         {http.StatusNotFound, http.StatusOK, v1alpha1.ImageMissing, "no such version"},
		"no repository":   {http.StatusNotFound, http.StatusNotFound, v1alpha1.ImageUnknown, "404"},
		"hidden":          {http.StatusNotFound, http.StatusForbidden, v1alpha1.ImageUnauthorized, "403"},
		"denied":          {http.StatusForbidden, http.StatusOK, v1alpha1.ImageUnauthorized, "403"},
		"another success": {http.StatusNoContent, http.StatusOK, v1alpha1.ImageUnknown, "204"},
	} {
		host := registryOf(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/api/packages/team/helm/web-1.0.0+b.tgz":
				w.WriteHeader(test.archive)
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

// What is spoken to in TLS is said to be unreachable, with the host as the user names it.
func TestChartsInPlainHTTP(t *testing.T) {
	host := registryOf(t, func(http.ResponseWriter, *http.Request) {})
	chart, _ := image.Chart("http://"+host+"/api/packages/team/helm", "web", "1.0.0")
	expect(t, anonymous().Check(t.Context(), []image.Reference{chart}, func() {})[0], v1alpha1.ImageUnreachable, "--insecure-registry "+host)
}
