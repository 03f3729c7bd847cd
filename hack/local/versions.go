package local

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Versions are the first lines of what etcd and kube-apiserver say of themselves.
func Versions(ctx context.Context) (etcd, apiServer string, err error) {
	assets, err := assetsFolder()
	if err != nil {
		return "", "", err
	}
	if etcd, err = versionOf(ctx, filepath.Join(assets, "etcd")); err != nil {
		return "", "", err
	}
	apiServer, err = versionOf(ctx, filepath.Join(assets, "kube-apiserver"))
	return etcd, apiServer, err
}

func versionOf(ctx context.Context, binary string) (string, error) {
	output, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", binary, err)
	}
	first, _, _ := strings.Cut(string(output), "\n")
	return first, nil
}
