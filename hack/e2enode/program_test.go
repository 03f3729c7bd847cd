//go:build e2enode && linux

package e2enode

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// The programs that are built of the sources: those that Pods run, and the one that packs them.
const (
	pinsyncProgram  = "pinsync"
	workloadProgram = "workload"
	imageProgram    = "image"
)

// buildPrograms builds the programs into a folder, as `make build` does: their images have nothing
// else.
func buildPrograms(ctx context.Context, folder string) error {
	root, err := local.Root()
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", folder+"/",
		"./cmd/"+pinsyncProgram, "./hack/e2enode/"+workloadProgram, "./hack/"+imageProgram)
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w: %s", err, output)
	}
	return nil
}

// pushProgram packs a program as pinsync is packed, and pushes it. It returns the image's digest.
func (c *cluster) pushProgram(ctx context.Context, program, image string) (digest string, err error) {
	folder, err := os.MkdirTemp("", "image-")
	if err != nil {
		return "", err
	}
	platform := "linux/" + runtime.GOARCH
	binary := filepath.Join(folder, "pinsync-"+strings.ReplaceAll(platform, "/", "-"))
	if err := os.Symlink(filepath.Join(c.place.Folder, program), binary); err != nil {
		return "", err
	}
	if err := os.WriteFile(binary+".cdx.json", []byte("{}"), 0o600); err != nil {
		return "", err
	}
	login, err := c.registry.Login("")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), login.Data[corev1.DockerConfigJsonKey], 0o600); err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, filepath.Join(c.place.Folder, imageProgram), "-plain-http", "-image", c.inGitea(image), "-binaries", folder,
		"-platforms", platform, "-version", "e2e", "-revision", "e2e", "-created", "2026-01-02T03:04:05Z")
	command.Env = append(os.Environ(), "DOCKER_CONFIG="+folder)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w: %s", image, err, output)
	}
	_, digest, _ = strings.Cut(strings.TrimSpace(string(output)), "@")
	return digest, nil
}

// inGitea returns an image reference as Gitea is reached without the node's configuration.
func (c *cluster) inGitea(image string) string {
	return c.registry.Gitea.Host + strings.TrimPrefix(image, registryHost)
}
