package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// screen is the output of run. It calls ready when the last line is there.
type screen struct {
	mu    sync.Mutex
	text  strings.Builder
	ready func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	if strings.Contains(s.text.String(), "Ctrl-C stops everything.") {
		s.ready()
	}
	return n, err
}

// hinted runs the printed commands that have one of the texts, until they print the parts.
func hinted(t *testing.T, printed string, commands, parts []string) {
	t.Helper()
	script := "set -e\n"
	for line := range strings.Lines(printed) {
		if slices.ContainsFunc(append(commands, "export KUBECONFIG="), func(text string) bool { return strings.HasPrefix(line, "  "+text) }) {
			script += line
		}
	}
	err := local.Until(t.Context(), localtest.Timeout, func(ctx context.Context) (bool, string) {
		shown, err := exec.CommandContext(ctx, "bash", "-c", script).CombinedOutput()
		missing := slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(string(shown), part) })
		return err == nil && !missing, fmt.Sprintf("%v, %s", err, shown)
	})
	if err != nil {
		t.Error(err)
	}
}

// `make run` prints the complete list of the samples and commands that work, and stops everything at
// the end.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	binary, err := local.Build(t.Context(), folder, "./cmd/pinsync")
	localtest.Must(t, err)
	ctx, ctrlC := context.WithCancel(t.Context())
	var kubeconfig string
	var config *rest.Config
	out := &screen{}
	out.ready = sync.OnceFunc(func() {
		_, after, _ := strings.Cut(out.text.String(), "export KUBECONFIG=")
		kubeconfig, _, _ = strings.Cut(after, " ")
		var err error
		if config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
			t.Error(err)
		}
		hinted(t, out.text.String(), []string{"kubectl -n pinsync-system get"},
			[]string{`"HelmRelease/kotkan/cms-plugins-production"`, `"HelmRelease/kotkan/cms-plugins-staging"`, "ImagePolicy kotkan/cms-plugins-staging"})
		hinted(t, out.text.String(), []string{"pinsync export", "pinsync status"},
			[]string{"container/cms-plugins==production\ncontainer/cms-plugins==staging\n", "kotkan/cms-plugins-staging", "may lack tags: ChartNotRead"})
		ctrlC()
	})
	if err := run(ctx, binary, "../../config/samples", folder, out); err != nil {
		t.Fatalf("%v; it printed:\n%s", err, out.text.String())
	}
	text := out.text.String()
	for _, part := range []string{
		"  images.txt: |\n    git.oleks.space/oleks/cms-plugins:production\n    git.oleks.space/oleks/cms-plugins:staging\n",
		"  registry-pins.txt: |\n    container/cms-plugins==production\n    container/cms-plugins==staging\nkind: ConfigMap\n",
		`pinsync.oleks.space/complete: "true"`, "ChartNotRead is expected here", "Stopping.",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not print %q:\n%s", part, text)
		}
	}
	client, err := rest.HTTPClientFor(config)
	localtest.Must(t, err)
	if response, err := client.Get(config.Host); err == nil {
		response.Body.Close()
		t.Error("the API server still answers")
	}
	if _, err := os.Stat(kubeconfig); !os.IsNotExist(err) {
		t.Errorf("the kubeconfig is still there: %v", err)
	}
}
