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
spec: {suspend: %t, interval: 10m, chartRef: {kind: OCIRepository, name: web}, values: {image: "%s:v1"}}
---
`
	objects := filepath.Join(t.TempDir(), "objects.yaml")
	e.write(objects, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n"+
		fmt.Sprintf(release, "rendered", "enabled", true, host+"/oleks/web")+fmt.Sprintf(release, "hidden", "enabled", true, host+"/oleks/web")+
		fmt.Sprintf(release, "unsure", "enabled", true, host+"/oleks/web")+
		fmt.Sprintf(release, "disabled", "disabled", true, host+"/oleks/web")+fmt.Sprintf(release, "running", "enabled", false, host+"/oleks/web")+
		fmt.Sprintf(release, "gone", "enabled", true, empty+"/oleks/gone")+fmt.Sprintf(release, "broken", "enabled", false, empty+"/oleks/web")+
		fmt.Sprintf(release, "leaving", "disabled", true, host+"/oleks/leaving")+fmt.Sprintf(release, "nobody", "disabled", true, host+"/oleks/nobody"))
	localtest.Must(t, local.Load(t.Context(), e.client, objects))
	report := pin.NewReport()
	config := configuration.Default()
	report.Configuration = config.Effective()
	needed := func(tag string, by ...string) v1alpha1.Pin {
		return v1alpha1.Pin{Pin: "container/web==" + tag, Image: host + "/oleks/web:" + tag, State: v1alpha1.PinNeeded, NeededBy: by, Via: []string{"spec.values.image"}}
	}
	held := func(name, owner string, safeSince *string) v1alpha1.Pin {
		because := "no release needs it; removed at 2026-01-01T01:00:00Z at the earliest"
		return v1alpha1.Pin{
			Pin: "container/" + name + "==v1", Image: host + "/oleks/" + name + ":v1", State: v1alpha1.PinHeld, NeededBy: []string{}, Via: []string{},
			HeldSince: safeSince, HeldBecause: &because, HeldFor: []v1alpha1.Hold{{Owner: owner, SafeSince: safeSince}},
		}
	}
	since := "2026-01-01T00:00:00Z"
	gone := v1alpha1.Pin{Pin: "container/gone==v1", Image: empty + "/oleks/gone:v1", State: v1alpha1.PinNeeded, NeededBy: []string{"HelmRelease/shop/gone"}, Via: []string{}}
	report.Pins = []v1alpha1.Pin{
		gone, held("leaving", "HelmRelease/shop/leaving", &since), held("nobody", v1alpha1.UnknownOwner, nil),
		needed("v1", "HelmRelease/shop/hidden", "HelmRelease/shop/rendered", "HelmRelease/shop/unsure"), needed("v2", "HelmRelease/shop/hidden"),
	}
	for name, chart := range map[string]*v1alpha1.ReleaseChart{
		"rendered": {Source: "OCIRepository shop/web", Revision: "1", Inputs: "a"}, "gone": {Source: "OCIRepository shop/web", Revision: "1", Inputs: "b"},
		"hidden": {Source: "OCIRepository shop/web", Revision: "1"},
	} {
		report.Releases = append(report.Releases, v1alpha1.Release{Kind: "HelmRelease", Namespace: "shop", Name: name, State: v1alpha1.ReleaseSuspended, Chart: chart})
	}
	report.Releases = append(report.Releases, v1alpha1.Release{
		Kind: "HelmRelease", Namespace: "shop", Name: "unsure", State: v1alpha1.ReleaseSuspended, Chart: &v1alpha1.ReleaseChart{Source: "OCIRepository shop/web", Revision: "1"},
		Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonNoTag, Field: "chart Runner/web.spec.args[0]", Message: "git.example.com/agent has no tag"}},
	})
	e.replace(report)
	explain := func(name string) (code int, out, errOut string) {
		return pinsync(t, "", "explain", "--kubeconfig", e.kubeconfig, "shop/"+name, "--check", "--insecure-registry", host, "--insecure-registry", empty)
	}
	for name, test := range map[string]struct {
		code int
		want []string
	}{
		"rendered": {0, []string{"a resume would work now: nothing that is known blocks it\n"}},
		"hidden":   {0, []string{"/oleks/web:v1: present", "/oleks/web:v2: present", "a resume would work now"}},
		"unsure":   {5, []string{"git.example.com/agent has no tag", "unknown whether a resume would work now:"}},
		"disabled": {5, []string{
			"the release is not protected: a tag may be deleted once the list does not\n        have it\n", "pinsync reads the charts of\n        protected releases alone (ChartNotRead)",
			"unknown whether a resume would work now:", "container/web==v1\n    Needed, needed by HelmRelease/shop/hidden, HelmRelease/shop/rendered,\n",
		}},
		"leaving": {5, []string{
			"removed at 2026-01-01T01:00:00Z at the earliest\n", "a tag may be deleted once the list does not\n        have it\n",
		}},
		"nobody":  {5, []string{"not protected, 1 of 1 tags pinned, ", "container/nobody==v1\n    Held, kept for releases that are not known\n"}},
		"gone":    {4, []string{"a resume would not work now:\n    " + empty + "/oleks/gone:v1 is missing\n  to restore a missing tag, see\n      " + tagGone + "\n"}},
		"running": {5, []string{"not suspended: there is nothing to resume\n", "/oleks/web:v1: present", "unknown whether a restart or an upgrade would work now:"}},
		"broken":  {4, []string{"/oleks/web:v1: missing", "a restart or an upgrade may fail now:\n    " + empty + "/oleks/web:v1 is missing\n"}},
	} {
		code, out, errOut := explain(name)
		for _, want := range test.want {
			if code != test.code || !strings.Contains(out, want) {
				t.Errorf("%s: exit code %d, want %d; printed %s and %q, want %q", name, code, test.code, out, errOut, want)
			}
		}
		if strings.Contains(out, tagGone) != (code == exitMissing) {
			t.Errorf("%s: exit code %d, printed %s", name, code, out)
		}
		if strings.Contains(out, "nothing to resume") && strings.Contains(out+errOut, "a resume") {
			t.Errorf("%s runs, and there is something to resume: %s%s", name, out, errOut)
		}
	}

	// docs/resume.md shows what is printed with both exit codes.
	for _, name := range []string{"rendered", "gone"} {
		_, out, _ := explain(name)
		_, resume, _ := strings.Cut(out, "RESUME\n")
		const image = "git.oleks.space/oleks/cms-plugins:staging"
		resume = strings.NewReplacer(host+"/oleks/web:v1", image, empty+"/oleks/gone:v1", image).Replace(resume)
		if !strings.Contains(docsPages(t)["docs/resume.md"], "```text\nRESUME\n"+resume+"```\n") {
			t.Errorf("docs/resume.md does not show\n%s", resume)
		}
	}
	// Nothing is promised where pinsync may not read what the chart comes from, whatever it found before.
	for object, want := range map[string]int{"OCIRepository": exitUnknown, "Bucket": 0} {
		report.Problems = []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRead, Object: object, Message: "charts are not read"}}
		e.replace(report)
		if code, out, errOut := explain("rendered"); code != want || strings.Contains(out, "charts are not read (ChartNotRead)") != (want != 0) {
			t.Errorf("without the kind %s: exit code %d, want %d; printed %s and %s", object, code, want, out, errOut)
		}
	}
}
