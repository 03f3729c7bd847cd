//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// The cleaner of the page, with the permissions of the page, deletes nothing without a list. With one
// it keeps what runs, by tag or digest, and what is asleep, so that it can be resumed, and deletes all else
// on the second day.
func TestRegctlCleaner(t *testing.T) {
	w := newWorld(t)
	c := newRegctlCleaner(w)
	w.registry.push("app", "1")
	w.registry.push("app", "RC.2")
	signature := "sha256-" + strings.Repeat("0", 64) + ".sig"
	asleep := w.registry.push("asleep", "0.1.1", "staging", signature)
	index, _ := w.registry.pushIndex("web/front", "production")
	w.registry.pushIndex("web/front", "old")
	tool := w.registry.push("tool", "1")
	w.registry.push("tool", "2")
	c.repositories = []string{"app", "asleep", "tool", "web/front"}
	before := w.registry.versions()
	if cleaned := c.clean(); cleaned.code != exitRefused || !strings.Contains(cleaned.errOut, "registry-pins") {
		t.Errorf("without a list: %+v", cleaned)
	}
	if after := w.registry.versions(); !slices.Equal(after, before) {
		t.Fatalf("without a list, the versions were %q and are %q", before, after)
	}

	s := w.story()
	s.Needs(testbed.Pin("asleep", "staging"), testbed.Pin("web/front", "production"))
	s.release("app", "app", "RC.2", false)
	s.release("asleep", "asleep", "staging", true)
	s.release("front", "web/front", "production", true)
	s.runsByDigest(s.registry.Name("tool") + "@" + tool.Digest.String())
	s.isLive("app", "app:RC.2")
	s.lists(testbed.Pin("asleep", "staging"), testbed.Pin("web/front", "production"))
	before = s.registry.versions()
	if cleaned := c.clean(); cleaned.code != 0 || cleaned.out != "" || !slices.Equal(s.registry.versions(), before) {
		t.Errorf("on the first day: %+v, the versions were %q and are %q", cleaned, before, s.registry.versions())
	}
	want := []string{"app:1", "asleep:0.1.1", "tool:2", "web/front:old"}
	for i := range want {
		want[i] = "deleted " + s.registry.Name(want[i])
	}
	if cleaned := c.clean(); cleaned.code != 0 || cleaned.out != strings.Join(want, "\n")+"\n" {
		t.Errorf("got %+v, want %q", cleaned, want)
	}
	for image, tag := range map[string]string{"app": "1", "asleep": "0.1.1", "tool": "2", "web/front": "old"} {
		s.registry.expectGone(image, tag)
	}
	s.registry.expectWhole("asleep", "staging", asleep)
	s.registry.expectWhole("asleep", signature, asleep)
	s.registry.expectWhole("web/front", "production", index)
	s.registry.expectWhole("tool", "1", tool)

	s.registry.push("tool", "3") // on the second day
	s.MayRemove(testbed.Pin("asleep", "staging"))
	s.setSuspend("asleep", false)
	s.isLive("asleep", "asleep:staging")
	if cleaned := c.clean(); cleaned.code != 0 || cleaned.out != "" {
		t.Errorf("after the resume: %+v", cleaned)
	}
	s.registry.expectWhole("asleep", "staging", asleep)
}

// regctlCleaner is the host of the page's cleaner, which runs once a day.
type regctlCleaner struct {
	*world
	day          int
	script       string
	repositories []string
	environment  []string
}

// newRegctlCleaner prepares the host and the cluster as the page does.
func newRegctlCleaner(w *world) *regctlCleaner {
	w.t.Helper()
	page, err := os.ReadFile("../../docs/cleaners/regctl.md")
	localtest.Must(w.t, err)
	blocks := regexp.MustCompile("(?ms)^```(sh|yaml)\n(.*?)^```").FindAllStringSubmatch(string(page), -1)
	folder := w.t.TempDir()
	c := &regctlCleaner{world: w, script: filepath.Join(folder, "clean-registry")}
	localtest.Must(w.t, os.WriteFile(c.script, []byte(blocks[0][2]), 0o700))
	for document := range strings.SplitSeq(blocks[1][2], "\n---\n") {
		object := &unstructured.Unstructured{}
		localtest.Must(w.t, yaml.UnmarshalStrict([]byte(document), &object.Object))
		localtest.Must(w.t, w.Client.Create(w.t.Context(), object))
		w.t.Cleanup(func() { localtest.Must(w.t, w.Client.Delete(context.Background(), object)) })
	}
	kubectl, err := local.FindKubectl()
	localtest.Must(w.t, err)
	for name, program := range map[string]string{"kubectl": kubectl, "pinsync": pinsyncBinary} {
		localtest.Must(w.t, os.Symlink(program, filepath.Join(folder, name)))
	}
	date, err := exec.LookPath("date")
	localtest.Must(w.t, err)
	later := "#!/bin/sh\nexec " + date + " --date \"+$DAY days\" \"$@\"\n"
	localtest.Must(w.t, os.WriteFile(filepath.Join(folder, "date"), []byte(later), 0o700))
	c.environment = append(w.registry.withRegctl(folder), "STATE_DIRECTORY="+folder, "KUBECONFIG="+w.Reader)
	return c
}

// withRegctl returns an environment with programs of a folder in its path, to which it adds regctl. Its
// home is that folder, in which regctl is logged in to Gitea.
func (r *registry) withRegctl(folder string) []string {
	r.t.Helper()
	localtest.Must(r.t, os.Symlink(regctlBinary, filepath.Join(folder, "regctl")))
	environment := append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "HOME="+folder)
	for _, args := range [][]string{
		{"registry", "set", "--tls", "disabled", "--skip-check", gitea.Host},
		{"registry", "login", "--skip-check", "--user", gitea.User, "--pass", gitea.Token, gitea.Host},
	} {
		command := exec.CommandContext(r.t.Context(), regctlBinary, args...)
		command.Env = environment
		if output, err := command.CombinedOutput(); err != nil {
			r.t.Fatalf("regctl %q: %v: %s", args[:2], err, output)
		}
	}
	return environment
}

// clean runs the cleaner, and lets a day pass.
func (c *regctlCleaner) clean() result {
	c.t.Helper()
	environment := append(slices.Clip(c.environment), "DAY="+strconv.Itoa(c.day))
	c.day++
	var repositories []string
	for _, image := range c.repositories {
		repositories = append(repositories, c.registry.Name(image))
	}
	return c.host.runIn(environment, c.script, repositories...)
}

// runsByDigest creates a pod of an image without a tag.
func (s *story) runsByDigest(image string) {
	s.t.Helper()
	localtest.Must(s.t, s.Client.Create(s.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "by-digest"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "tool", Image: image}}},
	}))
}
