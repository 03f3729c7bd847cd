//go:build e2e

package e2e

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// What the page prints of an image that make has built is the SBOM of its binary, with every module in it.
func TestSBOM(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	dist := t.TempDir()
	tool, err := local.BuildTool(t.Context(), t.TempDir(), "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
	localtest.Must(t, err)
	build := exec.CommandContext(t.Context(), "make", "-C", "../..", "binary-linux-amd64", "DIST="+dist, "VERSION=v9.9.9", "CYCLONEDX="+tool)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	r.pushPinsync("v1", dist, "linux/amd64")

	page, err := os.ReadFile("../../docs/install.md")
	localtest.Must(t, err)
	command := regexp.MustCompile("(?s)```sh\n(regctl artifact get .*?)```").FindStringSubmatch(string(page))[1]
	command = strings.ReplaceAll(command, "registry.example.com/pinsync:v0.1.0", r.Name("pinsync:v1"))
	printed := newHost(r).runIn(r.withRegctl(t.TempDir()), "bash", "-c", command)
	if printed.code != 0 {
		t.Fatalf("%s: %+v", command, printed)
	}
	var sbom struct {
		Components []struct{ Name, Version string }
	}
	localtest.Must(t, json.Unmarshal([]byte(printed.out), &sbom))
	got := map[string]string{}
	for _, component := range sbom.Components {
		got[component.Name] = component.Version
	}
	info, err := buildinfo.ReadFile(filepath.Join(dist, "pinsync-linux-amd64"))
	localtest.Must(t, err)
	if len(info.Deps) == 0 {
		t.Error("the binary has no modules")
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		if got[module.Path] != module.Version {
			t.Errorf("%s is %q in the SBOM, want %s", module.Path, got[module.Path], module.Version)
		}
	}
	if got["std"] != info.GoVersion {
		t.Errorf("the standard library is %q in the SBOM, want %s", got["std"], info.GoVersion)
	}
	if printed.out != newHost(r).read(filepath.Join(dist, "pinsync-linux-amd64.cdx.json")) {
		t.Error("it is not the file beside the binary")
	}
}
