package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// exports is an API server with lists, and the files of a cleaner's host.
type exports struct {
	t                         *testing.T
	plane                     *local.ControlPlane
	config                    *rest.Config
	client                    client.Client
	kubeconfig, output, state string
	// registries are those of the configuration of lists that plan publishes.
	registries []pin.Registry
}

// newExports starts them, for a test that runs beside others.
func newExports(t *testing.T) *exports {
	t.Helper()
	t.Parallel()
	plane := localtest.StartControlPlane(t)
	c, err := local.NewClient(plane.Config)
	localtest.Must(t, err)
	folder := t.TempDir()
	return &exports{
		t: t, plane: plane, config: plane.Config, client: c, kubeconfig: plane.Kubeconfig,
		output: filepath.Join(folder, "pins.txt"), state: filepath.Join(folder, "state.json"),
	}
}

func (e *exports) write(name, text string) {
	e.t.Helper()
	localtest.Must(e.t, os.WriteFile(name, []byte(text), 0o600))
}

func (e *exports) read(name string) string {
	e.t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		e.t.Fatal(err)
	}
	return string(text)
}

// publish writes a fresh list with the pins of these tags to a namespace of its own; change
// may alter it.
func (e *exports) publish(namespace, name string, change func(*corev1.ConfigMap), tags ...string) {
	e.t.Helper()
	s := &pin.Snapshot{}
	for _, tag := range tags {
		s.Releases = append(s.Releases, pin.Release{
			ID: object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "kotkan", Name: tag}}, Suspended: true,
			Inputs: pin.Inputs{Images: pin.FindImages([]pin.ReleasePart{
				{Path: "spec.values", Value: map[string]any{"image": "git.oleks.space/oleks/app:" + tag}},
			})},
		})
	}
	layout := &pinlist.Layout{Room: func(int) int { return 1 << 20 }}
	encoded, err := pinlist.Encode(name, pin.Plan(s, pin.Options{}).Pins, pinlist.Stamp{Complete: true, Plan: "1"}, layout)
	if err != nil || len(encoded) != 1 {
		e.t.Fatal(err, len(encoded))
	}
	encoded[0].Annotations["pinsync.oleks.space/synced-at"] = time.Now().UTC().Format(time.RFC3339)
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{"pinsync.oleks.space/pins": "true"},
			Annotations: encoded[0].Annotations,
		},
		Data: encoded[0].Data,
	}
	if change != nil {
		change(object)
	}
	e.create(object)
}

// create creates a ConfigMap, and its namespace if that does not exist.
func (e *exports) create(object *corev1.ConfigMap) {
	e.t.Helper()
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: object.Namespace}}
	localtest.Must(e.t, client.IgnoreAlreadyExists(e.client.Create(e.t.Context(), own)))
	localtest.Must(e.t, e.client.Create(e.t.Context(), object))
}

// report creates the report on the list registry-pins of a namespace.
func (e *exports) report(namespace, text string) {
	e.t.Helper()
	e.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "registry-pins-report", Labels: map[string]string{"pinsync.oleks.space/report": "true"},
			Annotations: map[string]string{"pinsync.oleks.space/shard": "0/1"},
		},
		Data: map[string]string{"report.json": text},
	})
}

// podsRead is a time before which the cleaners of these tests have read the pods, so that every
// list is of after it.
var podsRead = []string{"--since", "2000-01-01T00:00:00Z", "--wait", "0"}

// run runs export against the API server, for a cleaner that has read the pods, unless the arguments
// are about that.
func (e *exports) run(args ...string) (code int, out, errOut string) {
	e.t.Helper()
	isAbout := func(arg string) bool {
		return slices.Contains([]string{"--since", "--pods-first", "--pods-first=false"}, arg)
	}
	if !slices.ContainsFunc(args, isAbout) {
		args = slices.Concat(args, podsRead)
	}
	return pinsync(e.t, "", append([]string{"export", "--kubeconfig", e.kubeconfig}, args...)...)
}

// refuses expects that nothing is exported, and one line with the reason.
func (e *exports) refuses(code int, want string, args ...string) {
	e.t.Helper()
	files := map[string]string{e.output: "before\n"}
	e.write(e.output, files[e.output])
	if text, err := os.ReadFile(e.state); err == nil {
		files[e.state] = string(text)
	}
	for _, more := range [][]string{nil, {"--output-file", e.output}} {
		got, out, errOut := e.run(append(args, more...)...)
		if got != code || out != "" || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, want) {
			e.t.Errorf("exit code %d, want %d; printed %q and %q, want %q", got, code, out, errOut, want)
		}
	}
	for name, text := range files {
		if got := e.read(name); got != text {
			e.t.Errorf("%s was %q and is %q", name, text, got)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(e.output), ".*"))
	if err != nil || len(left) > 0 {
		e.t.Errorf("%v, %v are left", err, left)
	}
}

// waiting is what an export prints while it waits.
var waiting = regexp.MustCompile(`(?m)^pinsync: waiting up to \S+: .*\n`)

// isSummary reports whether an export has printed nothing but the line on what was exported, and that it
// has waited.
func isSummary(errOut string) bool {
	errOut = waiting.ReplaceAllString(errOut, "")
	return strings.HasPrefix(errOut, "pinsync: exported ") && strings.Count(errOut, "\n") == 1
}

// An export that succeeds says what it has exported, and how old that is, to people and to Prometheus.
func TestExportIsDescribed(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", func(o *corev1.ConfigMap) {
		o.Annotations["pinsync.oleks.space/synced-at"] = at(time.Now().Add(-time.Minute))
	}, "v1", "v2")
	metrics, static := e.output+".prom", e.output+".static"
	e.write(static, "container/base==1\n")
	begin := time.Now().Truncate(time.Second)
	code, _, errOut := e.run("--pinsync-namespace", "one", "--static", static, "--metrics-file", metrics, "--output-file", e.output)
	synced := begin.Add(-time.Minute)
	cluster := strings.TrimSuffix(e.config.Host, "/")
	want := []string{"exported 3 pins: registry-pins of " + cluster + " (2, current at " + at(synced)[:len("2006-01-02T15:0")], "), " + static + " (1)\n"}
	for _, part := range want {
		if code != 0 || !isSummary(errOut) || !strings.Contains(errOut, part) {
			t.Errorf("exit code %d, printed %q, want %q", code, errOut, part)
		}
	}
	labels := `{cluster="` + cluster + `",name="registry-pins",namespace="one"} `
	const lastSuccess = "pinsync_export_last_success_timestamp_seconds"
	families := e.metrics(metrics)
	for name, least := range map[string]float64{
		lastSuccess + " ": float64(begin.Unix()),
		"pinsync_export_list_sync_timestamp_seconds" + labels:                 float64(synced.Unix() - 2),
		"pinsync_export_pins" + labels:                                        2,
		`pinsync_export_pins{cluster="",name="` + static + `",namespace=""} `: 1,
	} {
		if got, ok := families[name]; !ok || got < least || got > least+60 {
			t.Errorf("%s is %v, want %v; all are %v", name, got, least, families)
		}
	}
	before := e.read(metrics)
	e.refuses(3, "there is no list", "--pinsync-namespace", "nowhere", "--metrics-file", metrics)
	if e.read(metrics) != before {
		t.Error("a refusal has changed the metrics")
	}
	e.refuses(2, "--metrics-file and --output-file are the same file", "--pinsync-namespace", "one", "--metrics-file", e.output, "--output-file", e.output)
}

// metrics reads a file of metrics, by name and labels.
func (e *exports) metrics(name string) map[string]float64 {
	e.t.Helper()
	metrics := map[string]float64{}
	for line := range strings.Lines(e.read(name)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ') + 1
		value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		localtest.Must(e.t, err)
		metrics[line[:i]] = value
	}
	return metrics
}

func TestExport(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", nil, "V1", "staging")
	args := []string{"--pinsync-namespace", "one", "--state", e.state}

	want := "container/app==V1\ncontainer/app==staging\ncontainer/app==v1\n"
	if code, out, errOut := e.run(args...); code != 0 || out != want || !isSummary(errOut) {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	static := filepath.Join(filepath.Dir(e.output), "static.txt")
	e.write(static, "# by hand\ncontainer/base==1\n")
	if code, out, errOut := e.run(append(args, "--output-file", e.output, "--static", static)...); code != 0 || out != "" || !isSummary(errOut) ||
		e.read(e.output) != want+"container/base==1\n" {
		t.Errorf("exit code %d, printed %q and %q, wrote %q", code, out, errOut, e.read(e.output))
	}
	info, err := os.Stat(e.output)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file has %v, %v: the cleaner may be another user", info.Mode(), err)
	}
	e.refuses(3, "the static file "+static+" has lost pins since the last export", args...)
	if code, out, _ := e.run(append(slices.Clone(args), "-o", "regex", "--max-shrink", "100")...); code != 0 || out != "git.oleks.space/oleks/app\t^(V1|staging|v1)$\n" {
		t.Errorf("exit code %d, printed %q", code, out)
	}
}

// An incomplete list is refused with the reason that the report has, or without one where
// there is no report that can be read.
func TestExportOfIncompleteList(t *testing.T) {
	e := newExports(t)
	const generic = "the list registry-pins is incomplete: not everything that releases need was read yet: if it stays so, the report has the reason"
	for namespace, test := range map[string]struct{ report, want string }{
		"missing": {"", generic},
		"damaged": {`{"problems":[`, generic},
		"without": {`{"problems":[]}`, generic},
		"good":    {`{"problems":[{"reason":"ReadFailed","object":"ImagePolicies","message":"forbidden"}]}`, "is incomplete: ImagePolicies: forbidden"},
	} {
		e.publish(namespace, "registry-pins", func(o *corev1.ConfigMap) {
			o.Annotations["pinsync.oleks.space/complete"] = "false"
		}, "staging")
		if test.report != "" {
			e.report(namespace, test.report)
		}
		e.refuses(3, test.want, "--pinsync-namespace", namespace)
	}
}

// A complete list is exported whatever its report is.
func TestExportDoesNotReadTheReport(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", nil, "staging")
	for _, format := range []string{"pins", "images", "regex", "json"} {
		if code, out, errOut := e.run("--pinsync-namespace", "one", "-o", format); code != 0 || !strings.Contains(out, "staging") {
			t.Errorf("%s without a report: exit code %d, printed %q and %q", format, code, out, errOut)
		}
	}
	e.report("one", "damaged")
	if code, out, errOut := e.run("--pinsync-namespace", "one"); code != 0 || out != "container/app==staging\n" {
		t.Errorf("with a damaged report: exit code %d, printed %q and %q", code, out, errOut)
	}
}

// Earlier versions kept the report in the list's object, and had no checksum of images.
func TestExportOfEarlierVersion(t *testing.T) {
	e := newExports(t)
	const report = `{"apiVersion":"pinsync.oleks.space/v1alpha1","kind":"PinReport","pins":[{"pin":"container/app==staging",
		"image":"git.oleks.space/oleks/app:staging","state":"Needed","neededBy":["kotkan/app"],"via":["spec.values.image"],
		"heldSince":null,"heldBecause":null}],"releases":[{"namespace":"kotkan","name":"app","state":"Suspended","policies":[],
		"pins":["container/app==staging"],"problems":[]}],
		"problems":[{"reason":"Unanswered","object":"ImagePolicies","message":"forbidden"}]}`
	earlier := func(data map[string]string, complete string) func(*corev1.ConfigMap) {
		return func(o *corev1.ConfigMap) {
			delete(o.Annotations, "pinsync.oleks.space/images-checksum")
			delete(o.Annotations, "pinsync.oleks.space/plan")
			o.Annotations["pinsync.oleks.space/complete"] = complete
			maps.Copy(o.Data, data)
		}
	}
	e.publish("one", "registry-pins", earlier(map[string]string{"report.json": report}, "true"), "staging")
	for format, want := range map[string]string{
		"pins": "container/app==staging\n", "images": "git.oleks.space/oleks/app:staging\n", "regex": "git.oleks.space/oleks/app\t^(staging)$\n",
	} {
		if code, out, errOut := e.run("--pinsync-namespace", "one", "-o", format); code != 0 || out != want || !isSummary(errOut) {
			t.Errorf("exit code %d, printed %q and %q, want %q", code, out, errOut, want)
		}
	}
	e.publish("incomplete", "registry-pins", earlier(map[string]string{"report.json": report}, "false"), "staging")
	e.refuses(3, "the list registry-pins is incomplete: ImagePolicies: forbidden", "--pinsync-namespace", "incomplete")
	e.publish("other-images", "registry-pins", earlier(map[string]string{"report.json": report, "images.txt": "git.oleks.space/oleks/app:v1\n"}, "true"), "staging")
	e.refuses(3, "images.txt does not have the images of report.json", "--pinsync-namespace", "other-images")
	e.publish("no-report", "registry-pins", earlier(nil, "true"), "staging")
	e.refuses(3, "the checksum of images.txt is", "--pinsync-namespace", "no-report")
}

// A symbolic link stays, and its target is replaced.
func TestExportThroughLink(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", nil, "staging")
	e.write(e.output, "before\n")
	link := filepath.Join(filepath.Dir(e.output), "link")
	localtest.Must(t, os.Symlink(e.output, link))
	if code, _, errOut := e.run("--pinsync-namespace", "one", "--output-file", link); code != 0 || e.read(e.output) != "container/app==staging\n" {
		t.Errorf("exit code %d, printed %q; the target of the link is %q", code, errOut, e.read(e.output))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().IsRegular() {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
}

// All lists of a namespace are exported, or none, and each is checked for lost pins.
func TestExportOfSeveralLists(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", nil, "V1", "staging")
	e.publish("one", "west", nil, "west")
	args := []string{"--pinsync-namespace", "one", "--state", e.state}
	e.refuses(3, "ConfigMap west has the label of a list", args...)
	both := append(slices.Clone(args), "--name", "registry-pins", "--name", "west")
	if code, out, errOut := e.run(both...); code != 0 || out != "container/app==V1\ncontainer/app==staging\ncontainer/app==v1\ncontainer/app==west\n" {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	e.publish("two", "registry-pins", nil, "staging")
	e.publish("two", "west", nil)
	e.refuses(3, "the list registry-pins of https://", "--pinsync-namespace", "two", "--name", "registry-pins", "--name", "west", "--state", e.state)
	e.write(e.state, "{}")
	e.refuses(3, "--state "+e.state+" is not a file that export has written", both...)
}

func TestExportRefuses(t *testing.T) {
	e := newExports(t)
	annotate := func(key, value string) func(*corev1.ConfigMap) {
		return func(o *corev1.ConfigMap) { o.Annotations["pinsync.oleks.space/"+key] = value }
	}
	for namespace, test := range map[string]struct {
		change func(*corev1.ConfigMap)
		want   string
	}{
		"stale": {
			annotate("synced-at", time.Now().Add(-16*time.Minute).UTC().Format(time.RFC3339)),
			"ago, which is more than 15m0s: is pinsync running?",
		},
		"incomplete": {annotate("complete", "false"), "the list registry-pins is incomplete"},
		"partial":    {annotate("shard", "0/2"), "in 1 of its 2 ConfigMaps"},
		"edited": {
			func(o *corev1.ConfigMap) { o.Data["registry-pins.txt"] = "container/app==x\n" },
			"the checksum of registry-pins.txt",
		},
		"unlabelled": {func(o *corev1.ConfigMap) { o.Labels = nil }, "namespace unlabelled: there is no list registry-pins"},
	} {
		e.publish(namespace, "registry-pins", test.change, "staging")
		e.refuses(3, test.want, "--pinsync-namespace", namespace)
	}
	e.refuses(3, "namespace nowhere: there is no list registry-pins", "--pinsync-namespace", "nowhere")

	e.publish("fine", "registry-pins", nil, "staging")
	fine := []string{"--pinsync-namespace", "fine"}
	folder := t.TempDir()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"format":              {[]string{"-o", "yaml"}, `--output "yaml": want one of pins, images, regex, gitea, json`},
		"age":                 {[]string{"--max-age", "-1s"}, "--max-age -1s: want more than 0"},
		"shrink":              {[]string{"--max-shrink", "101"}, "--max-shrink 101: want 0 to 100"},
		"namespace":           {[]string{"--pinsync-namespace", "A b"}, `--pinsync-namespace "A b"`},
		"name":                {[]string{"--name", "A b"}, `--name "A b"`},
		"kubeconfig":          {[]string{"--kubeconfig", "/nowhere"}, "/nowhere"},
		"context":             {[]string{"--context", "west"}, `--context "west" is not in `},
		"context of none":     {[]string{"--context", "envtest", "--context", "west"}, `--context "west" is in none`},
		"static file":         {[]string{"--static", "/nowhere"}, "--static: open /nowhere"},
		"line of static file": {[]string{"--static", e.kubeconfig}, e.kubeconfig + ": line 1"},
		"argument":            {[]string{"now"}, "now"},
		"an unset variable":   {[]string{"--context", ""}, "--context is empty"},
		"one file for two":    {[]string{"--state", e.state, "--static", filepath.Join(filepath.Dir(e.state), ".", "state.json")}, "--state and --static are the same file"},
	} {
		t.Run(name, func(*testing.T) { e.refuses(2, test.want, append(fine, test.args...)...) })
	}

	if code, out, errOut := e.run(append(fine, "--output-file", "-")...); code != 2 || out != "" || !strings.Contains(errOut, "--output-file -: omit the flag to write to standard output") {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}

	// If one file cannot be written, none is.
	e.refuses(1, "--state: folder "+filepath.Join(folder, "none")+": no such file or directory: want one that exists and that you may write to\n", append(fine, "--state", filepath.Join(folder, "none", "state.json"))...)
	dangling := filepath.Join(folder, "dangling")
	localtest.Must(t, os.Symlink(filepath.Join(folder, "none"), dangling))
	for want, target := range map[string]string{
		"--output-file: ": filepath.Join(folder, "none", "pins.txt"), "is not a regular file": folder, "is a symbolic link to a file that does not exist": dangling,
	} {
		if code, out, errOut := e.run(append(fine, "--state", e.state, "--output-file", target)...); code != 1 || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
		}
	}
	if _, err := os.Stat(e.state); err == nil {
		t.Error("the state of a failed export was written")
	}
}

// The list of every named cluster must be readable.
func TestExportOfSeveralClusters(t *testing.T) {
	e := newExports(t)
	e.publish("pinsync-system", "registry-pins", nil, "staging")
	config, err := clientcmd.LoadFromFile(e.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	current := config.Contexts[config.CurrentContext]
	down := config.Clusters[current.Cluster].DeepCopy()
	down.Server = "https://127.0.0.1:1"
	config.Clusters["down"] = down
	for name, cluster := range map[string]string{"east": current.Cluster, "west": current.Cluster, "down": "down"} {
		other := current.DeepCopy()
		other.Cluster = cluster
		config.Contexts[name] = other
	}
	localtest.Must(t, clientcmd.WriteToFile(*config, e.kubeconfig))
	code, out, errOut := e.run("--context", "east", "--context", "west", "-o", "json")
	if code != 0 || strings.Count(out, `"cluster"`) != 2 || strings.Count(out, "container/app==staging") != 1 {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	e.refuses(3, "https://127.0.0.1:1: ", "--context", "east", "--context", "down")

	// Two files, each with its own current context.
	second := filepath.Join(filepath.Dir(e.output), "second")
	config.CurrentContext = "down"
	localtest.Must(t, clientcmd.WriteToFile(*config, second))
	e.refuses(3, "https://127.0.0.1:1: ", "--kubeconfig", second)
	e.refuses(2, `--context "envtest-only" is not in `, "--context", "envtest-only", "--kubeconfig", second)
}
