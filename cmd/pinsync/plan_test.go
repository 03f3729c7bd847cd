package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the goldens instead of comparing with them")

// pinsync runs the command and returns what it printed.
func pinsync(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(in), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// golden compares a text with a file, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from the output; read the difference, then run the test with -update\n--- want\n%s--- got\n%s", name, want, got)
	}
}

// Every NAME.in.yaml in testdata/plan gives NAME.pins, .images, .warnings and .report.json,
// with the configuration NAME.config.yaml and the charts in NAME.charts if there are any. Each NAME.VARIANT.config.yaml
// gives NAME.VARIANT.pins and so on for the same input.
func TestPlanGoldens(t *testing.T) {
	inputs, err := filepath.Glob("testdata/plan/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(input, ".in.yaml")
		names := []string{name}
		variants, err := filepath.Glob(name + ".*.config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, variant := range variants {
			names = append(names, strings.TrimSuffix(variant, ".config.yaml"))
		}
		for _, name := range names {
			t.Run(filepath.Base(name), func(t *testing.T) { planGolden(t, input, name) })
		}
	}
}

// planGolden compares what plan prints for an input with the files of that name.
func planGolden(t *testing.T, input, name string) {
	t.Helper()
	args := []string{"plan", "-f", input}
	if _, err := os.Stat(name + ".config.yaml"); err == nil {
		args = append(args, "--config", name+".config.yaml")
	}
	args = append(args, chartArgs(t, strings.TrimSuffix(input, ".in.yaml")+".charts")...)
	for output, suffix := range map[string]string{"pins": ".pins", "images": ".images", "json": ".report.json"} {
		code, out, errOut := pinsync(t, "", append(args, "-o", output)...)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, errOut)
		}
		golden(t, name+suffix, out)
		if output == "pins" {
			golden(t, name+".warnings", errOut)
		}
	}
}

// chartArgs returns the flags for the charts in a folder, which need not exist.
func chartArgs(t *testing.T, folder string) []string {
	t.Helper()
	charts, err := filepath.Glob(folder + "/*")
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, chart := range charts {
		args = append(args, "--chart", chart)
	}
	return args
}

// A parser of the format that shares no code with pinsync accepts every golden, and nothing
// that is malformed.
func TestGoldensParseElsewhere(t *testing.T) {
	goldens, err := filepath.Glob("testdata/plan/*.pins")
	if err != nil || len(goldens) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	parse := func(input string) error {
		command := exec.CommandContext(t.Context(), "awk", "-f", "testdata/parse-pins.awk")
		command.Env = append(os.Environ(), "LC_ALL=C")
		command.Stdin = strings.NewReader(input)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Logf("%s", output)
		}
		return err
	}
	for _, name := range goldens {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := parse(string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			t.Errorf("%s: the last line has no line feed", name)
		}
	}
	if err := parse("container/a==1\nhelm/a==1.0.0+build\n"); err != nil {
		t.Errorf("a chart's version: %v", err)
	}
	for _, broken := range []string{
		"container/a==1+1\n", "\n", "container/a==1\n\n", "# comment\n", "a==1\n", "container/a=1\n", "container/a==1==2\n",
		"container/b==1\ncontainer/a==1\n", "container/a==1\ncontainer/a==1\n", "container/a==1 \n", "container/a==1\r\n",
	} {
		if err := parse(broken); err == nil {
			t.Errorf("the parser accepts %q, so it proves nothing", broken)
		}
	}
}

// chartsNotGiven is what plan says without charts.
const chartsNotGiven = "warning: charts: images that only they name are not found: give them with --chart PATH (ChartNotRead)\n"

func TestPlanSamples(t *testing.T) {
	code, out, errOut := pinsync(t, "", "plan", "-f", "../../config/samples")
	if want := "container/cms-plugins==production\ncontainer/cms-plugins==staging\n"; code != 0 || out != want || errOut != chartsNotGiven {
		t.Errorf("exit code %d, printed %q and %q, want %q", code, out, errOut, want)
	}
}

// The samples' policies without status, as `kubectl apply` creates them, give the same pins.
func TestPlanSamplesWithoutStatus(t *testing.T) {
	text, err := os.ReadFile("../../config/samples/image-automation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	inStatus := false
	for line := range strings.Lines(string(text)) {
		inStatus = line == "status:\n" || inStatus && strings.HasPrefix(line, " ")
		if !inStatus {
			kept = append(kept, line)
		}
	}
	code, out, errOut := pinsync(t, strings.Join(kept, ""), "plan", "-f", "../../config/samples/helmreleases.yaml", "-f", "-")
	if want := "container/cms-plugins==production\ncontainer/cms-plugins==staging\n"; code != 0 || out != want || errOut != chartsNotGiven {
		t.Errorf("exit code %d, printed %q and %q, want %q", code, out, errOut, want)
	}
}

// A chart that a cleaner may delete is pinned as the controller pins it, where the objects are given that
// it comes from.
func TestPlanPinsCharts(t *testing.T) {
	const sources = `
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: web, namespace: shop}
spec: {url: oci://git.example.com/team/charts/web, ref: {tag: 1.2.3}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: shop}
spec: {type: oci, url: oci://git.example.com/team/charts}
---
`
	const releases = `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec: {suspend: true, chartRef: {kind: OCIRepository, name: web}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: api, namespace: shop}
spec: {suspend: true, chart: {spec: {chart: api, version: 4.5.6, sourceRef: {kind: HelmRepository, name: charts}}}}
`
	for input, want := range map[string]string{
		sources + releases: "container/charts/api==4.5.6\ncontainer/charts/web==1.2.3\n", releases: "",
	} {
		code, out, errOut := pinsync(t, input, "plan", "-f", "-")
		if code != 0 || out != want {
			t.Errorf("exit code %d, printed %q and %s, want %q", code, out, errOut, want)
		}
	}
}

// An annotation of pinsync's whose name is mistyped may be meant to protect a release: its object is named,
// and nothing else changes.
func TestPlanNamesUnknownAnnotations(t *testing.T) {
	folder := t.TempDir()
	config := filepath.Join(folder, "config.yaml")
	if err := os.WriteFile(config, []byte("apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\nnamespaceDefault: disabled\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	release := func(namespace, name, annotations string) string {
		return "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: " + name + ", namespace: " + namespace + ", annotations: {" + annotations + "}}\n" +
			"spec: {suspend: true, values: {image: 'git.example.com/team/" + name + ":v1'}}\n---\n"
	}
	in := "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {pinsync.oleks.space/synch: enabled, pinsync.oleks.space/image-policies: a, theirs/sync: b}}\n---\n" +
		release("shop", "lost", "pinsync.oleks.space/synch: enabled") + release("shop", "more", "pinsync.oleks.space/Sync: enabled") +
		release("shop", "kept", "pinsync.oleks.space/sync: 'on', pinsync.oleks.space/image-policy: a") +
		release("many", "many", "pinsync.oleks.space/a: a, pinsync.oleks.space/b: a, pinsync.oleks.space/c: a, pinsync.oleks.space/d: a, pinsync.oleks.space/e: a, pinsync.oleks.space/"+strings.Repeat("f", 1000)+": a") +
		release("many", "fine", "pinsync.oleks.space/sync: disabled")
	code, out, errOut := pinsync(t, in, "plan", "-f", "-", "--config", config)
	const known = " for a HelmRelease: known are pinsync.oleks.space/sync, pinsync.oleks.space/image-policies"
	for _, want := range []string{
		"warning: Namespace shop: metadata.annotations: there is no annotation pinsync.oleks.space/image-policies, pinsync.oleks.space/synch for a Namespace: known are pinsync.oleks.space/sync (InvalidAnnotation)\n",
		"warning: HelmRelease shop/lost: metadata.annotations: there is no annotation pinsync.oleks.space/synch" + known + "; the release is not protected (more in its namespace: 1) (InvalidAnnotation)\n",
		"warning: HelmRelease shop/kept: metadata.annotations[pinsync.oleks.space/sync]: \"on\" is not a value of pinsync.oleks.space/sync, want enabled or disabled; taken as enabled; " +
			"there is no annotation pinsync.oleks.space/image-policy" + known + " (InvalidAnnotation)\n",
		"warning: HelmRelease many/many: metadata.annotations: there is no annotation pinsync.oleks.space/a, pinsync.oleks.space/b, pinsync.oleks.space/c, pinsync.oleks.space/d, pinsync.oleks.space/e and 1 more" + known,
	} {
		if code != 0 || out != "container/kept==v1\n" || !strings.Contains(errOut, want) {
			t.Errorf("exit code %d, printed %q and %s, want %s", code, out, errOut, want)
		}
	}
	if strings.Count(errOut, "InvalidAnnotation") != 4 {
		t.Errorf("printed %s, want 4 problems of annotations", errOut)
	}
}

func TestPlanTable(t *testing.T) {
	code, out, errOut := pinsync(t, "", "plan", "-f", "testdata/plan/bad.in.yaml", "-o", "table")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	golden(t, "testdata/plan/bad.table", out)
	golden(t, "testdata/plan/bad.warnings", errOut)
}

// The table shows what names each image: values, chart or policy.
func TestPlanTableWithCharts(t *testing.T) {
	code, out, errOut := pinsync(t, "", append([]string{"plan", "-f", "testdata/plan/charts.in.yaml", "-o", "table"}, chartArgs(t, "testdata/plan/charts.charts")...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	golden(t, "testdata/plan/charts.table", out)
	golden(t, "testdata/plan/charts.warnings", errOut)
}

// JSON, one object after the other, and JSON lists are read like YAML.
func TestPlanReadsJSON(t *testing.T) {
	const release = `{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"%"},
		"spec":{"suspend":true,"values":{"image":"git.example.com/team/%:v1"}}}`
	named := func(name string) string { return strings.ReplaceAll(release, "%", name) }
	in := named("a") + "\n" + named("b") + `{"apiVersion":"v1","kind":"List","items":[` + named("c") + `,` + named("d") + `]}`
	code, out, errOut := pinsync(t, in, "plan", "-f", "-")
	if want := "container/a==v1\ncontainer/b==v1\ncontainer/c==v1\ncontainer/d==v1\n"; code != 0 || out != want {
		t.Errorf("exit code %d, %s, got %q, want %q", code, errOut, out, want)
	}
}

// The releases of every version of Flux's kinds are found.
func TestPlanReadsEveryVersion(t *testing.T) {
	code, out, errOut := pinsync(t, `
apiVersion: helm.toolkit.fluxcd.io/v2beta2
kind: HelmRelease
metadata: {name: a}
spec: {suspend: true, values: {image: {repository: git.example.com/team/a}}}
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImageRepository
metadata: {name: a}
spec: {image: git.example.com/team/a}
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImagePolicy
metadata: {name: a}
spec: {imageRepositoryRef: {name: a}, filterTags: {pattern: ^v1$}, policy: {alphabetical: {}}}
`, "plan", "-f", "-")
	if want := "container/a==v1\n"; code != 0 || out != want {
		t.Errorf("exit code %d, %s, got %q, want %q", code, errOut, out, want)
	}
}

// Fields that versions before those of today had elsewhere are read.
func TestPlanReadsOldFields(t *testing.T) {
	code, out, errOut := pinsync(t, `
apiVersion: helm.toolkit.fluxcd.io/v2beta1
kind: HelmRelease
metadata: {name: a}
spec:
  suspend: true
  values: {image: {repository: git.example.com/team/a}}
  postRenderers:
  - kustomize:
      patchesStrategicMerge: [{kind: Job, spec: {image: "git.example.com/team/job:v1"}}]
      patchesJson6902: [{target: {kind: Pod}, patch: [{op: add, path: /spec/image, value: "git.example.com/team/pod:v2"}]}]
---
apiVersion: image.toolkit.fluxcd.io/v1beta1
kind: ImageRepository
metadata: {name: a}
spec: {image: git.example.com/team/a}
---
apiVersion: image.toolkit.fluxcd.io/v1beta1
kind: ImagePolicy
metadata: {name: a}
spec: {imageRepositoryRef: {name: a}, policy: {semver: {range: 1.x}}}
status: {latestImage: "git.example.com/team/a:1.7.0"}
`, "plan", "-f", "-")
	if want := "container/a==1.7.0\ncontainer/job==v1\ncontainer/pod==v2\n"; code != 0 || out != want || errOut != chartsNotGiven {
		t.Errorf("exit code %d, %s, got %q, want %q", code, errOut, out, want)
	}
}

// A field of another type than it should have costs no other field, and a release that may
// be suspended counts as suspended.
func TestPlanNamesBadFields(t *testing.T) {
	code, out, errOut := pinsync(t, `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec: {suspend: "${OFF}", values: {image: "git.example.com/team/web:v1"}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: running, namespace: shop}
spec: {releaseName: [], values: {image: "git.example.com/team/running:v1"}}
`, "plan", "-f", "-")
	if code != 0 || out != "container/web==v1\n" || strings.Count(errOut, "InvalidObject") != 2 ||
		!strings.Contains(errOut, "HelmRelease shop/web: spec.suspend: is a JSON string, want a bool") {
		t.Errorf("exit code %d, %s, got %q", code, errOut, out)
	}
}

// A chart is for the release that is named, be it hostile; and gets what is known of the cluster.
func TestPlanChartOfRelease(t *testing.T) {
	release := func(name string) string {
		return "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: " + name + "}\nspec: {suspend: true, chart: {spec: {chart: app}}}\n---\n"
	}
	folder := func(template string) string {
		folder := t.TempDir()
		if err := os.Mkdir(filepath.Join(folder, "templates"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\n", "templates/pod.yaml": template} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return folder
	}
	all := folder("spec: {containers: [{image: 'all:{{ .Capabilities.KubeVersion.Minor }}-{{ .Capabilities.APIVersions.Has `x.io/v1` }}-{{ .Capabilities.APIVersions.Has `y.io/v1/Z` }}'}]}\n")
	bad := filepath.Join(t.TempDir(), "bad.tgz")
	if err := os.WriteFile(bad, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := pinsync(t, release("one")+release("two")+release("three"), "plan", "-f", "-", "--chart", all, "--chart", "default/two="+folder("{{ until 2000000000 }}"),
		"--chart", "default/three="+bad, "--kube-version", "1.30", "--api-versions", "x.io/v1,y.io/v1/Z")
	if code != 0 || out != "container/all==30-true-true\n" || strings.Count(errOut, "ChartNotRendered") != 2 ||
		!strings.Contains(errOut, "HelmRelease default/three: the chart could not be rendered, so images that only it names may be missing: the chart is not an archive") {
		t.Errorf("exit code %d, %s, got %q", code, errOut, out)
	}
}

// A release whose chart is not given may need images that only its chart names, whatever is given for others.
func TestPlanChartOfOthers(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml":                   "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: one, namespace: shop}\nspec: {suspend: true, chart: {spec: {chart: app, version: 1.x}}}\n",
		"b.yaml":                   "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: two, namespace: shop}\nspec: {suspend: true, chart: {spec: {chart: other}}}\n",
		"chart/Chart.yaml":         "apiVersion: v2\nname: other\nversion: 1.2.3\n",
		"chart/templates/pod.yaml": "spec: {containers: [{image: 'other:v1'}]}\n",
		"empty/values.yaml":        "a: b\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	chart, empty := filepath.Join(folder, "chart"), filepath.Join(folder, "empty")
	for flag, want := range map[string]struct {
		code    int
		out     string
		warning string
	}{
		chart: {
			0, "Of 2 protected, 1\n    fully pinned.",
			"HelmRelease shop/one: images that only the chart names are not found: no --chart is given for chart app 1.x (ChartNotRead)",
		},
		"shop/one=" + chart: {0, "Of 2 protected, 1\n", "HelmRelease shop/two: images that only the chart names are not found: no --chart is given for chart other (ChartNotRead)"},
		"shop/tow=" + chart: {2, "", "--chart shop/tow=" + chart + ": there is no HelmRelease shop/tow in what was read: did you mean shop/two?"},
		"prod/api=" + chart: {2, "", "there is no HelmRelease prod/api in what was read: there are shop/one, shop/two"},
		"shop/two=" + empty: {1, "", "--chart shop/two=" + empty + ": " + empty + " is no chart: it has no Chart.yaml"},
		empty:               {1, "", empty + " is no chart: it has no Chart.yaml"},
	} {
		code, out, errOut := pinsync(t, "", "plan", "-f", filepath.Join(folder, "a.yaml"), "-f", filepath.Join(folder, "b.yaml"), "--chart", flag, "-o", "table")
		if code != want.code || !strings.Contains(out, want.out) || want.out == "" && out != "" || !strings.Contains(errOut, want.warning) ||
			strings.Count(errOut, "\n") != 1 && code != 0 {
			t.Errorf("--chart %s: exit code %d, printed %q and %q, want %v", flag, code, out, errOut, want)
		}
	}
}

// What else lies in a folder is named.
func TestPlanNamesSkippedFiles(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"notes.txt": "x", "a.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, errOut := pinsync(t, "", "plan", "-f", folder); code != 0 || out != "" || !strings.Contains(errOut, filepath.Join(folder, "notes.txt")) {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
}

// An image is found at any depth, and its path stays short. What is too deep for a JSON
// decoder is an error that names the document.
func TestPlanDeepValues(t *testing.T) {
	deep := func(levels int) string {
		return "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: deep}\nspec:\n  suspend: true\n  values: " +
			strings.Repeat("{a: ", levels) + "{image: git.example.com/team/deep:v1}" + strings.Repeat("}", levels) + "\n"
	}
	code, out, errOut := pinsync(t, deep(900), "plan", "-f", "-")
	if code != 0 || out != "container/deep==v1\n" || errOut != chartsNotGiven {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	_, report, _ := pinsync(t, deep(900), "plan", "-f", "-", "-o", "json")
	if !strings.Contains(report, `"spec.values….a.a`) || len(report) > 2000 {
		t.Errorf("the path is not shortened: %d bytes", len(report))
	}
	code, _, errOut = pinsync(t, deep(20_000), "plan", "-f", "-")
	if code != 1 || !strings.Contains(errOut, "standard input: document 1") || !strings.Contains(errOut, "depth") {
		t.Errorf("exit code %d, printed %q", code, errOut)
	}
}

func TestPlanRefuses(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const good = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\n"
	tests := map[string]struct {
		args []string
		in   string
		code int
		want []string
	}{
		"no file":        {args: []string{"plan"}, code: 2, want: []string{"-f FILE"}},
		"unknown flag":   {args: []string{"plan", "--file", "x"}, code: 2, want: []string{"--file", "did you mean --filename?"}},
		"argument":       {args: []string{"plan", "x.yaml"}, code: 2, want: []string{"x.yaml"}},
		"unknown output": {args: []string{"plan", "-f", "-", "-o", "wide"}, code: 2, want: []string{`"wide"`, "pins, images, json, yaml, table"}},
		"configuration":  {args: []string{"plan", "-f", "-", "--config", write("c.yaml", "heartbeat: 5")}, code: 2, want: []string{"c.yaml", "heartbeat", "5"}},
		"missing file":   {args: []string{"plan", "-f", "nowhere.yaml"}, code: 1, want: []string{"nowhere.yaml", "no such file"}},
		"empty folder":   {args: []string{"plan", "-f", t.TempDir()}, code: 1, want: []string{"no .yaml, .yml or .json file"}},
		"broken YAML": {
			args: []string{"plan", "-f", write("broken.yaml", good+"---\n"+good+"  x: [\n")}, code: 1,
			want: []string{"broken.yaml: document 2", "line "},
		},
		"broken JSON": {args: []string{"plan", "-f", "-"}, in: `{"apiVersion":"v1"}{"a":`, code: 1, want: []string{"standard input: document 2", "EOF"}},
		"separator":   {args: []string{"plan", "-f", "-"}, in: good + "--- x\n", code: 1, want: []string{"document 1", "separator"}},
		"bare list": {
			args: []string{"plan", "-f", "-"}, in: "- apiVersion: v1\n  kind: Namespace\n", code: 1,
			want: []string{"document 1", "bare list"},
		},
		"no release": {args: []string{"plan", "-f", "-"}, in: "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", code: 1, want: []string{"no HelmRelease"}},
		"no name": {
			args: []string{"plan", "-f", "-"}, in: "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n", code: 1,
			want: []string{"document 1", "metadata.name"},
		},
		"missing chart":        {args: []string{"plan", "-f", "-", "--chart", "nowhere.tgz"}, in: good, code: 1, want: []string{"--chart nowhere.tgz", "no such file"}},
		"a folder of no chart": {args: []string{"plan", "-f", "-", "--chart", t.TempDir()}, in: good, code: 1, want: []string{"--chart", "no Chart.yaml"}},
		"no archive":           {args: []string{"plan", "-f", "-", "--chart", write("a.tgz", "x")}, in: good, code: 1, want: []string{"a.tgz", "not an archive"}},
		"kube version":         {args: []string{"plan", "-f", "-", "--chart", "x", "--kube-version", "x"}, in: good, code: 2, want: []string{"--kube-version", `"x"`}},
		"no chart":             {args: []string{"plan", "-f", "-", "--api-versions", "x/v1"}, in: good, code: 2, want: []string{"--chart PATH"}},
		"twice the same": {
			args: []string{"plan", "-f", "-"}, in: good + "---\n" + good, code: 1,
			want: []string{"document 2", "HelmRelease default/a", "document 1"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := pinsync(t, test.in, test.args...)
			if code != test.code || out != "" {
				t.Errorf("exit code %d, want %d; printed %q", code, test.code, out)
			}
			if strings.Count(errOut, "\n") != 1 {
				t.Errorf("not one line: %q", errOut)
			}
			for _, part := range test.want {
				if !strings.Contains(errOut, part) {
					t.Errorf("%q does not name %q", errOut, part)
				}
			}
			t.Log(errOut)
		})
	}
}
