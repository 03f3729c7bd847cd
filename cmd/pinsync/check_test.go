package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// check asks for held tags, too. One that a release may still need counts like one that is needed: the
// release was resumed, and is not proven live. One that no release needs any more is shown.
func TestCheckOfHeldTags(t *testing.T) {
	e := newExports(t)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/manifests/present") || r.URL.Path == "/v2/" {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		if strings.Contains(r.URL.Path, "/manifests/") {
			fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
		}
	}))
	t.Cleanup(registry.Close)
	host := strings.TrimPrefix(registry.URL, "http://")
	since := "2026-01-01T00:00:00Z"
	entry := func(tag string, holds ...v1alpha1.Hold) v1alpha1.Pin {
		p := v1alpha1.Pin{
			Pin: "container/web==" + tag, Image: host + "/oleks/web:" + tag, State: v1alpha1.PinHeld, NeededBy: []string{}, Via: []string{}, HeldFor: holds,
		}
		if holds == nil {
			p.State, p.NeededBy = v1alpha1.PinNeeded, []string{"HelmRelease/kotkan/web"}
		}
		return p
	}
	safe := v1alpha1.Hold{Owner: "HelmRelease/kotkan/gone", SafeSince: &since}
	for name, test := range map[string]struct {
		pins []v1alpha1.Pin
		code int
		want []string
	}{
		"all are there":          {[]v1alpha1.Pin{entry("present")}, 0, []string{"1 image: 1 present"}},
		"no release needs it":    {[]v1alpha1.Pin{entry("old", safe), entry("present")}, 0, []string{"/oleks/web:old\n", "held, and no release needs it: it does not count", "2 images: 1 present, 1 missing"}},
		"a release may need it":  {[]v1alpha1.Pin{entry("old", safe, v1alpha1.Hold{Owner: "HelmRelease/kotkan/web"})}, 4, []string{"held, and may still be needed by HelmRelease/kotkan/web\n"}},
		"an unknown one may":     {[]v1alpha1.Pin{entry("old", v1alpha1.Hold{Owner: "*"})}, 4, []string{"held, and may still be needed by releases that are not known\n"}},
		"the needed one is gone": {[]v1alpha1.Pin{entry("missing")}, 4, []string{"needed by HelmRelease/kotkan/web\n"}},
	} {
		report := pin.NewReport()
		report.Pins = test.pins
		e.replace(report)
		code, out, errOut := e.check(host)
		for _, want := range test.want {
			if code != test.code || !strings.Contains(out, want) {
				t.Errorf("%s: exit code %d, printed %q and %q, want %q", name, code, out, errOut, want)
			}
		}
	}
	report := pin.NewReport()
	report.Pins = []v1alpha1.Pin{entry("old", v1alpha1.Hold{Owner: "HelmRelease/kotkan/web"})}
	report.Releases = []v1alpha1.Release{{Kind: "HelmRelease", Namespace: "kotkan", Name: "web", State: v1alpha1.ReleaseResuming}}
	e.replace(report)
	if code, out, errOut := e.check(host, "-n", "kotkan"); code != 4 || !strings.Contains(out, "1 image: 1 missing") {
		t.Errorf("of a namespace: exit code %d, printed %q and %q", code, out, errOut)
	}
}

// check runs check against a registry without TLS.
func (e *exports) check(host string, args ...string) (code int, out, errOut string) {
	e.t.Helper()
	return pinsync(e.t, "", append([]string{"check", "--kubeconfig", e.kubeconfig, "--insecure-registry", host}, args...)...)
}
