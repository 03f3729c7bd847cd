package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/configuration"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// explain --check promises a resume only if it knows the images of the chart, and that nothing may delete
// the tags. Of a release that runs it says what else needs them.
func TestExplainCheck(t *testing.T) {
	e := newExports(t)
	localtest.Must(t, e.plane.InstallFlux(t.Context()))
	host := serveImages(t)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
	}))
	t.Cleanup(registry.Close)
	empty := strings.TrimPrefix(registry.URL, "http://")
	const release = `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: %s, namespace: shop, annotations: {pinsync.oleks.space/sync: %s}}
spec: {suspend: %t, interval: 10m, chartRef: {kind: OCIRepository, name: web}, values: {image: "%s/oleks/web:v1"}}
---
`
	objects := filepath.Join(t.TempDir(), "objects.yaml")
	e.write(objects, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n"+
		fmt.Sprintf(release, "rendered", "enabled", true, host)+fmt.Sprintf(release, "hidden", "enabled", true, host)+
		fmt.Sprintf(release, "disabled", "disabled", true, host)+fmt.Sprintf(release, "running", "enabled", false, host)+
		fmt.Sprintf(release, "broken", "enabled", false, empty))
	localtest.Must(t, local.Load(t.Context(), e.client, objects))
	report := pin.NewReport()
	config := configuration.Default()
	report.Configuration = config.Effective()
	needed := func(tag string, by ...string) v1alpha1.Pin {
		return v1alpha1.Pin{Pin: "container/web==" + tag, Image: host + "/oleks/web:" + tag, State: v1alpha1.PinNeeded, NeededBy: by, Via: []string{"spec.values.image"}}
	}
	report.Pins = []v1alpha1.Pin{needed("v1", "HelmRelease/shop/hidden", "HelmRelease/shop/rendered"), needed("v2", "HelmRelease/shop/hidden")}
	for name, chart := range map[string]*v1alpha1.ReleaseChart{
		"rendered": {Source: "OCIRepository shop/web", Revision: "1", Inputs: "a"}, "hidden": {Source: "OCIRepository shop/web", Revision: "1"},
	} {
		report.Releases = append(report.Releases, v1alpha1.Release{Kind: "HelmRelease", Namespace: "shop", Name: name, State: v1alpha1.ReleaseSuspended, Chart: chart})
	}
	e.replace(report)
	for name, test := range map[string]struct {
		code int
		want []string
	}{
		"rendered": {0, []string{"a resume would work now: nothing that is known blocks it\n"}},
		"hidden":   {0, []string{"/oleks/web:v1: present", "/oleks/web:v2: present", "a resume would work now"}},
		"disabled": {5, []string{
			"the release is not protected: its tags may be deleted at any time\n", "pinsync reads the charts of\n        protected releases alone (ChartNotRead)",
			"unknown whether a resume would work now:", "container/web==v1\n    listed for other releases alone: it is removed when they no longer need it\n",
		}},
		"running": {5, []string{"not suspended: there is nothing to resume\n", "/oleks/web:v1: present", "unknown whether a restart or an upgrade would work now:"}},
		"broken":  {4, []string{"/oleks/web:v1: missing", "a restart or an upgrade may fail now:\n    " + empty + "/oleks/web:v1 is missing\n"}},
	} {
		code, out, errOut := pinsync(t, "", "explain", "--kubeconfig", e.kubeconfig, "shop/"+name, "--check", "--insecure-registry", host, "--insecure-registry", empty)
		for _, want := range test.want {
			if code != test.code || !strings.Contains(out, want) {
				t.Errorf("%s: exit code %d, want %d; printed %s and %q, want %q", name, code, test.code, out, errOut, want)
			}
		}
		if strings.Contains(out, "nothing to resume") && strings.Contains(out+errOut, "a resume") {
			t.Errorf("%s runs, and there is something to resume: %s%s", name, out, errOut)
		}
	}
}
