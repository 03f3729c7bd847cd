package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// A problem that many releases have is printed once, one long name leaves the others in columns, and what is too
// long in the last column is wrapped.
func TestStatusOfManyReleases(t *testing.T) {
	l := v1alpha1.ListStatus{}
	problem := v1alpha1.Problem{Reason: v1alpha1.ReasonChartNotRead, Message: "images that only the chart names may be missing"}
	for i := range 8 {
		name := fmt.Sprint("app-", i)
		if i == 3 {
			name = strings.Repeat("long-", 15)
		}
		l.Releases = append(l.Releases, v1alpha1.ReleaseStatus{
			Namespace: "shop", Name: name, State: v1alpha1.ReleaseSuspended, MayLackTags: true, Problems: []v1alpha1.Problem{problem},
		})
	}
	l.Releases[0].Problems = append(l.Releases[0].Problems, v1alpha1.Problem{Reason: v1alpha1.ReasonNoPin, Message: "nothing is pinned"})
	text := statusText(&v1alpha1.PinStatus{Lists: []v1alpha1.ListStatus{l}}, time.Minute, 80)
	for _, want := range []string{
		"\nRELEASE     STATE      PINS  COVERED\nshop/app-0  Suspended  0     may lack tags: ChartNotRead, NoPin\n",
		"\nshop/" + l.Releases[3].Name + "\n            Suspended  0     may lack tags: ChartNotRead\nshop/app-4  Suspended  0     ",
		"\n  shop/app-0, shop/app-1, shop/app-2,\n      shop/" + l.Releases[3].Name + "\n      and 4 more: images that only the chart names may be missing (ChartNotRead)\n  shop/app-0: nothing is pinned (NoPin)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	want := "\nshop/app-0  Suspended  0     may lack tags:\n    ChartNotRead, NoPin\n"
	if text := statusText(&v1alpha1.PinStatus{Lists: []v1alpha1.ListStatus{l}}, time.Minute, 48); !strings.Contains(text, want) {
		t.Errorf("no %q in:\n%s", want, text)
	}
}

// Output that is piped is as wide as COLUMNS.
func TestColumns(t *testing.T) {
	for columns, want := range map[string]int{"": 80, "120": 120, "0": 80, "x": 80} {
		t.Setenv("COLUMNS", columns)
		if got := widthOf(&strings.Builder{}); got != want {
			t.Errorf("COLUMNS=%s: width %d, want %d", columns, got, want)
		}
	}
}

// The problems of other namespaces are not shown for one, unless the list is incomplete for them.
func TestStatusOfANamespace(t *testing.T) {
	problem := func(reason v1alpha1.Reason, of string) v1alpha1.Problem {
		return v1alpha1.Problem{Reason: reason, Object: of}
	}
	report := &v1alpha1.PinReport{Problems: []v1alpha1.Problem{
		problem(v1alpha1.ReasonReadFailed, "HelmRelease other/a"), problem(v1alpha1.ReasonInvalidAnnotation, "Namespace other"),
		problem(v1alpha1.ReasonInvalidAnnotation, "HelmRelease other/a"), problem(v1alpha1.ReasonInvalidAnnotation, "Namespace shop"),
		problem(v1alpha1.ReasonInvalidAnnotation, "HelmRelease shop/a"), problem(v1alpha1.ReasonPolicyWithoutImage, "ImagePolicy flux-system/a"),
	}}
	list := &pinlist.Published{List: &pinlist.List{}, Report: report}
	for namespace, want := range map[string]string{
		"":     "HelmRelease other/a, Namespace other, HelmRelease other/a, Namespace shop, HelmRelease shop/a, ImagePolicy flux-system/a",
		"shop": "HelmRelease other/a, Namespace shop, HelmRelease shop/a, ImagePolicy flux-system/a",
	} {
		problems := statusOf(list, namespace, time.Minute).Problems
		var got []string
		for i := range problems {
			got = append(got, problems[i].Object)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: got %q, want %q", namespace, got, want)
		}
	}
}

// Suspended releases that nobody protects are not shown, but counted: somebody may not know of the
// annotation on their namespace.
func TestStatusCountsDisabledReleases(t *testing.T) {
	e := newExports(t)
	e.publish("pinsync-system", "registry-pins", nil)
	e.report("pinsync-system", `{"pins":[],"releases":[],"problems":[],"unprotected":[`+
		`{"namespace":"kotkan","live":["a"],"disabled":["b","c"]},{"namespace":"other","disabled":["d"]},{"namespace":"live","live":["e"]}]}`)
	for args, want := range map[string]string{
		"":                  "\nNo protected release is suspended.\nNot protected: 3 suspended releases, disabled by annotation or namespaceDefault:\n    kotkan/b, kotkan/c, other/d\n",
		"-n other":          "\nNot protected: 1 suspended release, disabled",
		"-n kotkan -o json": "\"disabledReleases\": [\n        \"kotkan/b\",",
	} {
		code, out, errOut := pinsync(t, "", append([]string{"status", "--kubeconfig", e.kubeconfig}, strings.Fields(args)...)...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%q: exit code %d, printed %q and %q, want %q", args, code, out, errOut, want)
		}
	}
	if _, out, _ := pinsync(t, "", "status", "--kubeconfig", e.kubeconfig, "-n", "live"); strings.Contains(out, "Not protected") {
		t.Errorf("printed %q", out)
	}
}

// Of a namespace of which nothing is known, the state of the list is printed all the same, and what is not known.
func TestStatusOfAnUnknownNamespace(t *testing.T) {
	e := newExports(t)
	e.publish("pinsync-system", "registry-pins", nil)
	e.report("pinsync-system", `{"releases":[{"kind":"HelmRelease","namespace":"kotkan","name":"web"}],"unprotected":[{"namespace":"other","live":["a"]}]}`)
	expectOf := func(namespace, want string) {
		t.Helper()
		for format, printed := range map[string]string{"json": `"pins": 0,`, "table": "\n  complete, and relied on for 15m0s after each sync\n  0 pins, synced "} {
			code, out, errOut := pinsync(t, "", "status", "--kubeconfig", e.kubeconfig, "-n", namespace, "-o", format)
			if code != exitUnknown || !strings.Contains(out, printed) || errOut != "pinsync: "+want+"\n" {
				t.Errorf("exit code %d, printed %q and %q, want %q", code, out, errOut, want)
			}
		}
	}
	expectOf("nope", "no release in namespace nope is protected: those with such releases are kotkan")
	expectOf("kotkn", "nothing is known of namespace kotkn: did you mean kotkan?")
	expectOf("othr", "nothing is known of namespace othr: did you mean other?")
	e.change(func(r *v1alpha1.PinReport) { // the report was too large
		r.Unprotected = nil
		r.Releases = append(r.Releases, v1alpha1.Release{Kind: "HelmRelease", Namespace: "kotkan", Name: "api"})
	})
	expectOf("kotkn", "nothing is known of namespace kotkn: did you mean kotkan?")
	_, err := e.plane.Kubectl(t.Context(), "-n", "pinsync-system", "delete", "configmap", "registry-pins-report")
	localtest.Must(t, err)
	expectOf("nope", "unknown whether a release in namespace nope is protected: a report cannot be read")
}

// What pinsync does by its configuration is said in words.
func TestStatusOfConfigurations(t *testing.T) {
	l := v1alpha1.ListStatus{Configuration: &v1alpha1.Configuration{
		Releases: v1alpha1.ReleasesSuspended, Tags: v1alpha1.TagsReferenced, Hold: v1alpha1.HoldConfiguration{Grace: "1h", Proof: v1alpha1.ProofPods},
	}}
	expect := func(want string) {
		t.Helper()
		if text := statusText(&v1alpha1.PinStatus{Lists: []v1alpha1.ListStatus{l}}, time.Minute, 100); !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	expect("\n  protects suspended releases: pins all tags that they refer to\n  after a resume, keeps the release's pins until a pod of it runs the tag, and for 1h after that\n")
	l.Configuration.Releases, l.Configuration.Tags, l.Configuration.Hold.Proof = v1alpha1.ReleasesAll, v1alpha1.TagsFloating, v1alpha1.ProofReady
	expect("\n  protects all releases: pins those of their tags that an ImagePolicy follows\n  after a resume, keeps the release's pins until it is ready, and for 1h after that\n")
}
