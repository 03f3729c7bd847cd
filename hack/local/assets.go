package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// assetsVariable names the folder of the binaries, as in every kubebuilder project.
const assetsVariable = "KUBEBUILDER_ASSETS"

// assetsFolder returns the folder of the control plane's binaries.
func assetsFolder() (string, error) {
	if assets := os.Getenv(assetsVariable); assets != "" {
		return assets, nil
	}
	root, err := Root()
	return filepath.Join(root, "bin", "control-plane"), err
}

// findAssets returns the folder of the control plane's binaries, which has those named.
func findAssets(binaries ...string) (string, error) {
	assets, err := assetsFolder()
	if err != nil {
		return "", err
	}
	for _, binary := range binaries {
		if _, err := os.Stat(filepath.Join(assets, binary)); err != nil {
			return "", fmt.Errorf("no %s in %s: run make control-plane, or make node for the programs of a node, or set %s", binary, assets, assetsVariable)
		}
	}
	return assets, nil
}

// FindKubectl returns the installed kubectl, or else the one that was built with the
// control plane.
func FindKubectl() (string, error) {
	if installed, err := exec.LookPath("kubectl"); err == nil {
		return installed, nil
	}
	assets, err := assetsFolder()
	return filepath.Join(assets, "kubectl"), err
}

// Versions returns the first line that etcd and kube-apiserver print with --version.
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
