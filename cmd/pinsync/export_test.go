package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/list"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// exports is an API server with lists, and the files of a cleaner's host.
type exports struct {
	t                         *testing.T
	client                    client.Client
	kubeconfig, output, state string
}

func newExports(t *testing.T) *exports {
	t.Helper()
	plane := localtest.StartControlPlane(t)
	c, err := local.NewClient(plane.Config)
	localtest.Must(t, err)
	folder := t.TempDir()
	return &exports{
		t: t, client: c, kubeconfig: plane.Kubeconfig,
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
			Name: pin.Name{Namespace: "kotkan", Name: tag}, Suspended: true,
			Found: pin.Find([]pin.Content{{Path: "spec.values", Value: map[string]any{"image": "git.oleks.space/oleks/app:" + tag}}}),
		})
	}
	parts, _, err := pin.Spread(pin.Plan(s, pin.Options{}), "", 1, func(int) int { return 1 << 20 })
	if err != nil {
		e.t.Fatal(err)
	}
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{"pinsync.oleks.space/pins": "true"},
			Annotations: map[string]string{
				"pinsync.oleks.space/checksum":  list.Checksum(parts[0].Lines),
				"pinsync.oleks.space/complete":  "true",
				"pinsync.oleks.space/pins":      strconv.Itoa(strings.Count(parts[0].Lines, "\n")),
				"pinsync.oleks.space/shard":     "0/1",
				"pinsync.oleks.space/synced-at": time.Now().UTC().Format(time.RFC3339),
			},
		},
		Data: map[string]string{
			"registry-pins.txt": parts[0].Lines, "images.txt": parts[0].Images, "report.json": parts[0].Report,
		},
	}
	if change != nil {
		change(object)
	}
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	localtest.Must(e.t, client.IgnoreAlreadyExists(e.client.Create(e.t.Context(), own)))
	localtest.Must(e.t, e.client.Create(e.t.Context(), object))
}

// run runs export against the API server.
func (e *exports) run(args ...string) (code int, out, errOut string) {
	e.t.Helper()
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
	for _, more := range [][]string{nil, {"-o", e.output}} {
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

func TestExport(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", nil, "V1", "staging")
	args := []string{"--namespace", "one", "--state", e.state}

	want := "container/app==V1\ncontainer/app==staging\ncontainer/app==v1\n"
	if code, out, errOut := e.run(args...); code != 0 || out != want || errOut != "" {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	static := filepath.Join(filepath.Dir(e.output), "static.txt")
	e.write(static, "# by hand\ncontainer/base==1\n")
	if code, out, errOut := e.run(append(args, "-o", e.output, "--static", static)...); code != 0 || out+errOut != "" ||
		e.read(e.output) != want+"container/base==1\n" {
		t.Errorf("exit code %d, printed %q and %q, wrote %q", code, out, errOut, e.read(e.output))
	}
	info, err := os.Stat(e.output)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file has %v, %v: the cleaner may be another user", info.Mode(), err)
	}
	e.refuses(3, "the static file "+static+" had 1 pins at the last export", args...)
	if code, out, _ := e.run(append(slices.Clone(args), "--format", "regex", "--max-shrink", "100")...); code != 0 || out != "git.oleks.space/oleks/app\t^(V1|staging|v1)$\n" {
		t.Errorf("exit code %d, printed %q", code, out)
	}
}

// A symbolic link stays, and its target is replaced.
func TestExportThroughLink(t *testing.T) {
	e := newExports(t)
	e.publish("one", "registry-pins", nil, "staging")
	e.write(e.output, "before\n")
	link := filepath.Join(filepath.Dir(e.output), "link")
	localtest.Must(t, os.Symlink(e.output, link))
	if code, _, errOut := e.run("--namespace", "one", "-o", link); code != 0 || e.read(e.output) != "container/app==staging\n" {
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
	args := []string{"--namespace", "one", "--state", e.state}
	e.refuses(3, "ConfigMap west is labelled as a list of pins", args...)
	both := append(slices.Clone(args), "--name", "registry-pins", "--name", "west")
	if code, out, errOut := e.run(both...); code != 0 || out != "container/app==V1\ncontainer/app==staging\ncontainer/app==v1\ncontainer/app==west\n" {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	e.publish("two", "registry-pins", nil, "staging")
	e.publish("two", "west", nil)
	e.refuses(3, "the list registry-pins of https://", "--namespace", "two", "--name", "registry-pins", "--name", "west", "--state", e.state)
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
		e.refuses(3, test.want, "--namespace", namespace)
	}
	e.refuses(3, "namespace nowhere: there is no list registry-pins", "--namespace", "nowhere")

	e.publish("fine", "registry-pins", nil, "staging")
	fine := []string{"--namespace", "fine"}
	folder := t.TempDir()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"format":              {[]string{"--format", "yaml"}, `--format "yaml": want one of pins, images, regex, json`},
		"age":                 {[]string{"--max-age", "-1s"}, "--max-age -1s: want more than 0"},
		"shrink":              {[]string{"--max-shrink", "101"}, "--max-shrink 101: want 0 to 100"},
		"namespace":           {[]string{"--namespace", "A b"}, `--namespace "A b"`},
		"name":                {[]string{"--name", "A b"}, `--name "A b"`},
		"kubeconfig":          {[]string{"--kubeconfig", "/nowhere"}, "/nowhere"},
		"context":             {[]string{"--context", "west"}, "has none of the named contexts, it has envtest"},
		"context of none":     {[]string{"--context", "envtest", "--context", "west"}, `--context "west" is in none`},
		"static file":         {[]string{"--static", "/nowhere"}, "--static: open /nowhere"},
		"line of static file": {[]string{"--static", e.kubeconfig}, e.kubeconfig + ": line 1"},
		"argument":            {[]string{"now"}, "now"},
		"an unset variable":   {[]string{"--context", ""}, "--context is empty"},
		"one file for two":    {[]string{"--state", e.state, "--static", filepath.Join(filepath.Dir(e.state), ".", "state.json")}, "--state and --static are the same file"},
	} {
		t.Run(name, func(*testing.T) { e.refuses(2, test.want, append(fine, test.args...)...) })
	}

	if code, out, errOut := e.run(append(fine, "-o", "-")...); code != 2 || out != "" || !strings.Contains(errOut, "--output -: omit the flag to write to standard output") {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}

	// If one file cannot be written, none is.
	e.refuses(1, "--state: ", append(fine, "--state", filepath.Join(folder, "none", "state.json"))...)
	dangling := filepath.Join(folder, "dangling")
	localtest.Must(t, os.Symlink(filepath.Join(folder, "none"), dangling))
	for want, target := range map[string]string{
		"--output: ": filepath.Join(folder, "none", "pins.txt"), "is not a regular file": folder, "is a symbolic link to a file that does not exist": dangling,
	} {
		if code, out, errOut := e.run(append(fine, "--state", e.state, "-o", target)...); code != 1 || out != "" || !strings.Contains(errOut, want) {
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
	code, out, errOut := e.run("--context", "east", "--context", "west", "--format", "json")
	if code != 0 || strings.Count(out, `"cluster"`) != 2 || strings.Count(out, "container/app==staging") != 1 {
		t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
	}
	e.refuses(3, "https://127.0.0.1:1: ", "--context", "east", "--context", "down")

	// Two files, each with its own current context.
	second := filepath.Join(filepath.Dir(e.output), "second")
	config.CurrentContext = "down"
	localtest.Must(t, clientcmd.WriteToFile(*config, second))
	e.refuses(3, "https://127.0.0.1:1: ", "--kubeconfig", second)
	e.refuses(2, "has none of the named contexts", "--context", "envtest-only", "--kubeconfig", second)
}
