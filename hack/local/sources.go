package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Root returns the folder of pinsync's sources, at or above the current one.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the sources: %w", err)
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "PROJECT")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is not within pinsync's sources", start)
		}
	}
}

// Build builds a command of the sources, such as ./cmd/pinsync, into a folder, and returns
// the binary.
func Build(ctx context.Context, folder, command string) (string, error) {
	return build(ctx, folder, ".", command)
}

// BuildTool builds a command that hack/tools pins, by its package, as Build does.
func BuildTool(ctx context.Context, folder, command string) (string, error) {
	return build(ctx, folder, "hack/tools", command)
}

func build(ctx context.Context, folder, module, command string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, filepath.Base(command))
	builder := exec.CommandContext(ctx, "go", "build", "-o", binary, command) //nolint:gosec // a command of the sources
	builder.Dir = filepath.Join(root, module)
	if output, err := builder.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", command, err, output)
	}
	return binary, nil
}
