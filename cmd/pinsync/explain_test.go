package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// explains compares what explain prints with a file, without times and addresses.
func (d *deployment) explains(name string, code int, args ...string) {
	d.t.Helper()
	args = append([]string{"explain", "--kubeconfig", d.plane.Kubeconfig, "-n", "kotkan"}, args...)
	got, out, errOut := pinsync(d.t, "", args...)
	if got != code || (strings.Count(errOut, "\n") != 1) != (code == 0) {
		d.t.Errorf("%s: exit code %d, want %d; printed %q", name, got, code, errOut)
	}
	text := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(out, "TIME")
	text = regexp.MustCompile(`list \d+m?\d*s old`).ReplaceAllString(text, "list AGE old")
	text = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "SERVER")
	golden(d.t, filepath.Join("testdata", "explain", name+".txt"), text+"\n"+errOut)
}

func TestExplain(t *testing.T) {
	d := deploy(t)
	localtest.Must(t, local.Load(t.Context(), d.client, "../../config/samples"))
	r := d.start()
	d.expect("true", "production", "staging")
	d.report()
	d.explains("suspended", 5, "cms-plugins-staging")

	d.kubectl("-n", "kotkan", "patch", "imagepolicy", "cms-plugins-staging", "--subresource=status", "--type=merge", "-p",
		`{"status":{"conditions":[{"type":"Ready","status":"False","reason":"Failed","message":"version list argument cannot be empty",`+
			`"lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`)
	d.reported("version list argument cannot be empty")
	d.explains("lost-tag", 4, "cms-plugins-staging")

	d.setSuspend("cms-plugins-production", false)
	d.reported("kotkan/cms-plugins-production is not Ready")
	d.explains("resuming", 5, "cms-plugins-production")

	d.kubectl("-n", "kotkan", "patch", "helmrelease", "cms-plugins-production", "--type=merge", "-p",
		`{"spec":{"suspend":true,"valuesFrom":[{"kind":"Secret","name":"values"},{"kind":"ConfigMap","name":"none","optional":true}],`+
			`"values":{"image":null,"sidecar":{"tag":"v1"}}}}`)
	d.reported("an image that only it names")
	d.explains("unknown", 5, "cms-plugins-production")

	r.Stop()
	d.kubectl("-n", "kotkan", "annotate", "helmrelease", "cms-plugins-production", "pinsync.oleks.space/sync=disabled")
	d.kubectl("-n", "pinsync-system", "delete", "configmap", "registry-pins")
	d.explains("disabled", 5, "cms-plugins-production")
	d.kubectl("-n", "kotkan", "patch", "helmrelease", "cms-plugins-production", "--type=merge", "-p",
		`{"spec":{"valuesFrom":null,"values":{"sidecar":null}}}`)
	d.explains("nothing", 5, "cms-plugins-production", "--check", "--flux-credentials")
	d.explains("no-list", 4, "cms-plugins-staging")
}

// A report that is missing, or of an earlier plan than the list, does not make a listed pin
// seem not to be listed.
func TestReportLacksPins(t *testing.T) {
	d := deploy(t)
	d.configure("heartbeat: 1m")
	d.kubectl("create", "namespace", "kotkan")
	d.kubectl("apply", "-f", d.file("release.yaml", fmt.Sprintf(`
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: cms-plugins, namespace: kotkan}
spec:
  suspend: true
  interval: 10m
  chartRef: {kind: OCIRepository, name: cms-plugins}
  values: {image: "%s/oleks/cms-plugins:staging"}
`, localtest.FreeAddress(t))))
	r := d.start()
	d.expect("true", "staging")
	r.Stop()
	d.checks("HelmRelease/kotkan/cms-plugins")

	// The report of a process that was killed before it wrote that of the last list.
	report := d.configMap("registry-pins-report")
	var earlier v1alpha1.PinReport
	localtest.Must(t, json.Unmarshal([]byte(report.Data["report.json"]), &earlier))
	earlier.List.Plan, earlier.Pins, earlier.Releases = "2026-01-01T00:00:00Z", []v1alpha1.Pin{}, []v1alpha1.Release{}
	text, err := json.Marshal(&earlier)
	localtest.Must(t, err)
	report.Data["report.json"] = string(text)
	localtest.Must(t, d.client.Update(t.Context(), report))
	d.explains("earlier-report", 5, "cms-plugins")
	d.checks("releases that are not known")

	d.kubectl("-n", "pinsync-system", "delete", "configmap", "registry-pins-report")
	d.explains("no-report", 5, "cms-plugins")
	d.checks("releases that are not known")
}

// checks expects that check looks up the image of the only listed pin, which no registry
// serves, and prints who needs it.
func (d *deployment) checks(neededBy string) {
	d.t.Helper()
	code, out, errOut := pinsync(d.t, "", "check", "--kubeconfig", d.plane.Kubeconfig)
	if code != 5 || !strings.Contains(out, "/oleks/cms-plugins:staging\n") || !strings.Contains(out, "needed by "+neededBy) ||
		!strings.Contains(out, "1 image: 1 unreachable") {
		d.t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	_, out, _ = pinsync(d.t, "", "check", "--kubeconfig", d.plane.Kubeconfig, "-o", "json")
	if strings.Contains(out, "null") {
		d.t.Errorf("a list is null: %s", out)
	}
}

// A file that KUBECONFIG names and that does not exist is not one without a cluster.
func TestKubeconfigVariable(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	localtest.Must(t, os.WriteFile(empty, nil, 0o600))
	for variable, want := range map[string]string{
		"/nope":          "KUBECONFIG /nope: there is no such file: set it, or give --kubeconfig FILE",
		"/nope:" + empty: "KUBECONFIG /nope:" + empty + ": there is no cluster in it: set it, or give --kubeconfig FILE",
	} {
		t.Setenv("KUBECONFIG", variable)
		if code, out, errOut := pinsync(t, "", "status"); code != 2 || out != "" || errOut != "pinsync: "+want+"\n" {
			t.Errorf("exit code %d, printed %q and %q, want %q", code, out, errOut, want)
		}
	}
}

func TestExplainRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no argument":       {nil, "not 0 arguments"},
		"namespace":         {[]string{"-n", "A b", "web"}, `--namespace "A b"`},
		"pinsync-namespace": {[]string{"-n", "a", "--pinsync-namespace", "A b", "web"}, `--pinsync-namespace "A b"`},
		"two namespaces":    {[]string{"-n", "a", "kotkan/web"}, `release "kotkan/web" is not in --namespace a`},
		"two clusters":      {[]string{"--context", "a", "--context", "b", "web"}, "give --kubeconfig and --context once"},
		"configuration":     {[]string{"--config", "/nowhere", "web"}, "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", "testdata/kubeconfig")
			code, out, errOut := pinsync(t, "", append([]string{"explain"}, test.args...)...)
			if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, test.want) {
				t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
			}
		})
	}
}

// The first line on a release that is not suspended has whether it is ready, and what is still kept
// for it.
func TestSummaryAfterAResume(t *testing.T) {
	web := object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "kotkan", Name: "web"}}
	since := "2026-01-01T00:00:00Z"
	held := func(tag string, safeSince *string) v1alpha1.Pin {
		return v1alpha1.Pin{
			Pin: "container/web==" + tag, Image: "g.io/web:" + tag, State: v1alpha1.PinHeld,
			HeldFor: []v1alpha1.Hold{{Owner: "HelmRelease/kotkan/another"}, {Owner: web.String(), SafeSince: safeSince}},
		}
	}
	for want, test := range map[string]struct {
		isReady, isProtected bool
		pins                 []v1alpha1.Pin
	}{
		"resumed and Ready, no tag is kept for it, list 0s old":                                {true, false, nil},
		"not suspended, not Ready, no tag is kept for it, list 0s old":                         {false, false, nil},
		"not suspended, not Ready, 1 tag still kept until it is proven live, list 0s old":      {false, false, []v1alpha1.Pin{held("1", nil)}},
		"resumed and Ready, 2 tags still kept, 1 of them until it is proven live, list 0s old": {true, false, []v1alpha1.Pin{held("1", nil), held("2", &since)}},
		"resumed and Ready, 1 tag still kept until the grace is over, list 0s old":             {true, false, []v1alpha1.Pin{held("1", &since)}},
		"resumed and Ready, and nothing is pinned, list 0s old":                                {true, true, nil},
	} {
		list := &pinlist.Published{List: &pinlist.List{}, Report: pin.NewReport()}
		list.Report.Pins = test.pins
		for i := range test.pins {
			list.Pins = append(list.Pins, test.pins[i].Pin)
		}
		e := &explanation{Inspection: &pin.Inspection{Release: &pin.Release{ID: web, Ready: test.isReady}, Protected: test.isProtected}, list: list}
		if got := e.summary(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
