package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// docsWorld is a cluster with pinsync and the samples, in which a reader of the pages works.
type docsWorld struct {
	*deployment
	// sources is the folder of the sources, and path has stand-ins for programs of others.
	sources, path string
}

// The API server accepts every manifest, every other file is valid, and every command succeeds and
// prints what the page shows.
func TestDocsInACluster(t *testing.T) {
	sources, err := local.Root()
	localtest.Must(t, err)
	w := &docsWorld{deployment: deploy(t), sources: sources}
	w.kubectl("apply", "-k", "config/components/cleaner-access")
	localtest.Must(t, local.Load(t.Context(), w.client, "../../config/samples"))
	for _, namespace := range []string{"playground", "shop", "monitoring"} {
		w.kubectl("create", "namespace", namespace)
	}
	w.kubectl("-n", "playground", "apply", "-f", w.file("demo.yaml", strings.NewReplacer("NS", "playground", "NAME", "demo").Replace(emptyRelease)))
	w.kubectl("-n", "shop", "apply", "-f", w.file("web.yaml", strings.NewReplacer("NS", "shop", "NAME", "web").Replace(emptyRelease)))
	w.kubectl("apply", "-k", "config/default")
	w.issueToken()
	w.path = w.standIns()
	w.start()
	w.expect("true", "production", "staging")
	for _, b := range docsBlocks(t) {
		if !strings.HasPrefix(b.page, "docs/") && b.page != "README.md" {
			continue
		}
		switch b.language {
		case "yaml":
			for document := range strings.SplitSeq(b.text, "\n---\n") {
				w.checkManifest(b, document)
			}
		case "sh":
			w.runScript(b)
		case "console":
			w.compareOutput(b)
		}
	}
	w.checkPods()
}

const emptyRelease = `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: NAME, namespace: NS}
spec:
  interval: 10m
  chartRef: {kind: OCIRepository, name: NAME}
`

// issueToken does what the cluster's token controller does, which does not run here.
func (w *docsWorld) issueToken() {
	w.t.Helper()
	token := w.kubectl("-n", "pinsync-system", "create", "token", "pinsync-cleaner")
	encode := func(text []byte) string { return base64.StdEncoding.EncodeToString(text) }
	w.kubectl("-n", "pinsync-system", "patch", "secret", "pinsync-cleaner-token", "--type=merge", "-p",
		fmt.Sprintf(`{"data":{"token":%q,"ca.crt":%q}}`, encode([]byte(token)), encode(w.plane.Config.CAData)))
}

// standIns returns a folder with programs for a PATH. Those of others do nothing. kubectl changes
// nothing in the cluster, and does not wait for controllers and kubelets, which do not run here;
// pinsync does not ask registries, nor for what this cluster does not have, such as a list of all releases.
func (w *docsWorld) standIns() string {
	w.t.Helper()
	folder := w.t.TempDir()
	kubectl, err := local.FindKubectl()
	localtest.Must(w.t, err)
	for name, script := range map[string]string{
		"registry-cleaner": "", "crane": "", "regctl": "", "flux": "", "systemctl": "", "kubectl-pinsync": "",
		"git":  "mkdir -p pinsync",
		"make": "exec /usr/bin/env -u MAKEFLAGS " + w.program("make") + " -n -C " + w.sources + ` "$@" >/dev/null`,
		"kubectl": `case " $* " in
*" rollout "*|*" logs "*) exec ` + kubectl + ` "$@" --help >/dev/null ;;
*" delete "*) exec ` + kubectl + ` "$@" --dry-run=server --ignore-not-found ;;
*" create job "*) exec ` + kubectl + ` "$@" --dry-run=client ;;
*" apply "*|*" annotate "*|*" label "*|*" create "*) exec ` + kubectl + ` "$@" --dry-run=server ;;
*) exec ` + kubectl + ` "$@" ;;
esac`,
		"pinsync": `case "$*" in
*-f\ -\ --chart*) cat >/dev/null ;;
*"-o gitea"*) exec ` + w.binary + ` "$@" --pods-first ;;
*--check*|check*|*registry-pins-of-*|*NAMESPACE*|*"--context west"*) ;;
explain*) ` + w.binary + ` "$@" || [ $? = ` + strconv.Itoa(exitUnknown) + ` ] ;;
*) exec ` + w.binary + ` "$@" ;;
esac`,
	} {
		localtest.Must(w.t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/bash\n"+script+"\n"), 0o700))
	}
	return folder
}

func (w *docsWorld) program(name string) string {
	w.t.Helper()
	path, err := exec.LookPath(name)
	localtest.Must(w.t, err)
	return path
}

// command returns a command of a reader, in a folder that has the kustomization of the page.
func (w *docsWorld) command(b block, text string) *exec.Cmd {
	w.t.Helper()
	folder := w.t.TempDir()
	for _, other := range docsBlocks(w.t) {
		if other.page == b.page && strings.HasPrefix(other.text, "# kustomization.yaml\n") {
			localtest.Must(w.t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(w.withLocalBases(folder, other.text)), 0o600))
		}
		if other.page == b.page && strings.HasPrefix(other.text, "# config.yaml\n") {
			localtest.Must(w.t, os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(other.text), 0o600))
		}
	}
	localtest.Must(w.t, os.Symlink(filepath.Join(w.sources, "config"), filepath.Join(folder, "config")))
	text = strings.NewReplacer("/var/lib/pinsync", folder, "/var/lib/cleaner", folder, " …", "").Replace(text)
	command := exec.CommandContext(w.t.Context(), "bash", "-eu", "-o", "pipefail", "-c", text, "script", podsRead[1])
	command.Dir = folder
	command.Env = append(os.Environ(), "PATH="+w.path+":"+os.Getenv("PATH"), "KUBECONFIG="+w.plane.Kubeconfig, "STATE_DIRECTORY="+folder, "HOME="+folder)
	return command
}

var base = regexp.MustCompile(`https://git\.oleks\.space/oleks/pinsync//(\S+)\?ref=\S+`)

// withLocalBases replaces what a kustomization takes from the repository by the sources.
func (w *docsWorld) withLocalBases(folder, text string) string {
	w.t.Helper()
	sources, err := filepath.Rel(folder, w.sources)
	localtest.Must(w.t, err)
	return base.ReplaceAllString(text, sources+"/$1")
}

// runScript runs a script of a page.
func (w *docsWorld) runScript(b block) {
	w.t.Helper()
	if output, err := w.command(b, b.text).CombinedOutput(); err != nil {
		w.t.Errorf("%s: %v\n%s\nprinted %s", b.page, err, b.text, output)
	}
}

// compareOutput runs a command and compares what it prints with what the page shows.
func (w *docsWorld) compareOutput(b block) {
	w.t.Helper()
	command, want, _ := strings.Cut(strings.TrimPrefix(b.text, "$ "), "\n")
	output, err := w.command(b, command).Output() // what is printed beside it has times and addresses
	got := regexp.MustCompile(`(?m) +$`).ReplaceAllString(string(output), "")
	got = regexp.MustCompile(`(list|synced) [0-9hms]+ (old|ago)`).ReplaceAllString(got, "$1 1s $2")
	got = regexp.MustCompile(`https://127\.0\.0\.1:\d+`).ReplaceAllString(got, "https://api.example.com:6443")
	if err != nil || got != want {
		w.t.Errorf("%s: %s: %v, printed\n%s\nthe page shows\n%s", b.page, command, err, got, want)
	}
}

// checkManifest checks a document of YAML by what it is.
func (w *docsWorld) checkManifest(b block, document string) {
	w.t.Helper()
	var object map[string]any
	err := yaml.Unmarshal([]byte(document), &object)
	switch kind := object["kind"]; {
	case strings.Contains(document, "- --"):
		var args []string
		localtest.Must(w.t, yaml.Unmarshal([]byte(document), &args))
		checkCommand(w.t, b.page, "pinsync controller "+strings.Join(args, " "))
		return
	case err != nil:
	case kind == "Configuration":
		_, err = configuration.Parse([]byte(document))
	case kind == "Kustomization" && strings.HasPrefix(fmt.Sprint(object["apiVersion"]), "kustomize.config"), kind == nil && isKustomization(object):
		err = w.checkKustomization(document)
	case kind == nil:
		_, err = configuration.Parse([]byte("apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n" + document))
	default:
		args := []string{"apply", "--validate=strict", "-f", w.file("manifest.yaml", document)}
		if kind != "CronJob" {
			args = append(args, "--dry-run=server")
		}
		_, err = w.plane.Kubectl(w.t.Context(), args...)
	}
	if err != nil {
		w.t.Errorf("%s: %v\n%s", b.page, err, document)
	}
}

func isKustomization(object map[string]any) bool {
	return slices.ContainsFunc([]string{"resources", "components", "patches"}, func(field string) bool { return object[field] != nil })
}

// checkKustomization checks the fields of a kustomization, and that what it takes from the
// repository exists.
func (w *docsWorld) checkKustomization(document string) error {
	w.t.Helper()
	for _, found := range base.FindAllStringSubmatch(document, -1) {
		if _, err := os.Stat(filepath.Join(w.sources, found[1], "kustomization.yaml")); err != nil {
			return err
		}
	}
	return (&types.Kustomization{}).Unmarshal([]byte(document))
}

// checkPods checks that the namespace admits the pods of the CronJob that a page has, and that
// pinsync takes its arguments.
func (w *docsWorld) checkPods() {
	w.t.Helper()
	// The controller that creates a Job's pods does not run here.
	var cronJob batchv1.CronJob
	localtest.Must(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: "registry-cleaner"}, &cronJob))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "registry-cleaner"},
		Spec:       cronJob.Spec.JobTemplate.Spec.Template.Spec,
	}
	if err := w.client.Create(w.t.Context(), pod, client.DryRunAll); err != nil {
		w.t.Errorf("the namespace rejects the CronJob's pods: %v", err)
	}
	checkCommand(w.t, "the CronJob", "pinsync "+strings.Join(pod.Spec.InitContainers[0].Args, " "))
}
