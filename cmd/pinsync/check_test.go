package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// check asks for held tags, too. One that a release may still need counts like one that is needed: the
// release was resumed, and is not proven live. One that no release needs any more is shown.
func TestCheckOfHeldTags(t *testing.T) {
	e := newExports(t)
	host := presentOnly(t)
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

// presentOnly starts a registry that has the tag present of every image, and returns its host.
func presentOnly(t *testing.T) string {
	t.Helper()
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
	return strings.TrimPrefix(registry.URL, "http://")
}

// check of a namespace also looks up the tags of which it is not known who needs them, and does not succeed
// where a report is missing or late: other tags may be those of the namespace.
func TestCheckOfNamespace(t *testing.T) {
	e := newExports(t)
	host := presentOnly(t)
	entry := func(tag string, neededBy []string, holds ...v1alpha1.Hold) v1alpha1.Pin {
		p := v1alpha1.Pin{
			Pin: "container/web==" + tag, Image: host + "/oleks/web:" + tag, State: v1alpha1.PinNeeded, NeededBy: neededBy, Via: []string{}, HeldFor: holds,
		}
		if len(neededBy) == 0 {
			p.State = v1alpha1.PinHeld
		}
		return p
	}
	own, other := entry("present", []string{"HelmRelease/kotkan/web"}), entry("other", []string{"HelmRelease/shop/web"})
	unknown := entry("old", []string{}, v1alpha1.Hold{Owner: v1alpha1.UnknownOwner})
	others := entry("others", other.NeededBy, v1alpha1.Hold{Owner: v1alpha1.OtherOwners})
	publish := func(pins ...v1alpha1.Pin) {
		report := pin.NewReport()
		report.Pins = pins
		report.Releases = []v1alpha1.Release{{Kind: "HelmRelease", Namespace: "kotkan", Name: "web", State: v1alpha1.ReleaseSuspended}}
		e.replace(report)
	}
	kubectl := func(args ...string) func() {
		return func() {
			_, err := e.plane.Kubectl(t.Context(), append([]string{"-n", "pinsync-system"}, args...)...)
			localtest.Must(t, err)
		}
	}
	for _, test := range []struct {
		name   string
		pins   []v1alpha1.Pin
		change func()
		args   []string
		code   int
		out    string
		errOut string
	}{
		{"of others", []v1alpha1.Pin{other, own}, func() {}, nil, 0, "1 image: 1 present", ""},
		{"of nobody known", []v1alpha1.Pin{unknown, own}, func() {}, nil, 4, "needed by releases that are not known", "1 needed image missing"},
		{"of others, too", []v1alpha1.Pin{others, own}, func() {}, nil, 4, "2 images: 1 present, 1 missing", "1 needed image missing"},
		{"late report", []v1alpha1.Pin{other, own}, kubectl("annotate", "--overwrite", "configmap", "registry-pins", v1alpha1.PlanAnnotation+"=2"), nil, 5, "1 image: 1 present", "is of an earlier list"},
		{"no report", []v1alpha1.Pin{own}, kubectl("delete", "configmap", "registry-pins-report"), nil, 5, "1 image: 1 present", "registry-pins, which has the releases that need its pins, cannot be read"},
		{"one without a report", []v1alpha1.Pin{own}, func() {
			e.publish("pinsync-system", "registry-pins-of-shard", nil)
		}, []string{"--name", "registry-pins", "--name", "registry-pins-of-shard"}, 5, "1 image: 1 present", "registry-pins-of-shard, which has"},
	} {
		publish(test.pins...)
		test.change()
		code, out, errOut := e.check(host, append(test.args, "-n", "kotkan")...)
		if code != test.code || !strings.Contains(out, test.out) || !strings.Contains(errOut, test.errOut) || strings.Count(errOut, "\n") > 1 {
			t.Errorf("%s: exit code %d, printed %q and %q", test.name, code, out, errOut)
		}
	}
}

// check runs check against a registry without TLS.
func (e *exports) check(host string, args ...string) (code int, out, errOut string) {
	e.t.Helper()
	return pinsync(e.t, "", append([]string{"check", "--kubeconfig", e.kubeconfig, "--insecure-registry", host}, args...)...)
}
