package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// screen is what run prints, and tells when the last line is there.
type screen struct {
	mu    sync.Mutex
	text  strings.Builder
	ready func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	if strings.Contains(s.text.String(), "Ctrl-C ends everything.") {
		s.ready()
	}
	return n, err
}

// What `make run` shows is the list of the samples, and it leaves nothing behind.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	binary := filepath.Join(folder, "pinsync")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/pinsync").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	ctx, ctrlC := context.WithCancel(t.Context())
	var config *rest.Config
	out := &screen{ready: sync.OnceFunc(func() {
		var err error
		if config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(folder, "kubeconfig")); err != nil {
			t.Error(err)
		}
		ctrlC()
	})}
	if err := run(ctx, binary, "../../config/samples", folder, out); err != nil {
		t.Fatalf("%v; it printed:\n%s", err, out.text.String())
	}
	text := out.text.String()
	for _, part := range []string{
		"registry-pins.txt: |\n    container/cms-plugins==production\n    container/cms-plugins==staging\n  report.json",
		`"kotkan/cms-plugins-production"`, `"kotkan/cms-plugins-staging"`, "ImagePolicy kotkan/cms-plugins-staging",
		"get configmap registry-pins", "Stopping.",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not print %q:\n%s", part, text)
		}
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := client.Get(config.Host); err == nil {
		response.Body.Close()
		t.Error("the API server still answers")
	}
	if _, err := os.Stat(filepath.Join(folder, "kubeconfig")); !os.IsNotExist(err) {
		t.Errorf("the kubeconfig is still there: %v", err)
	}
}
