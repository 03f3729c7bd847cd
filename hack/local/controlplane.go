// Package local runs a Kubernetes control plane on this machine, for tests and
// for trying pinsync: etcd and kube-apiserver, without nodes or controllers.
package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// assetsVariable names the folder of the binaries, as for every kubebuilder
// project.
const assetsVariable = "KUBEBUILDER_ASSETS"

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Config reaches it as its administrator.
	Config *rest.Config
	// Kubeconfig is the same, as a kubeconfig file's text.
	Kubeconfig []byte

	environment *envtest.Environment
}

// Start starts a control plane, without any kinds but Kubernetes' own. Its
// error, where the binaries are missing, says how to get them.
func Start() (*ControlPlane, error) {
	assets, err := assetsFolder()
	if err != nil {
		return nil, err
	}
	for _, binary := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(assets, binary)); err != nil {
			return nil, fmt.Errorf("no %s in %s: run make control-plane, or set %s", binary, assets, assetsVariable)
		}
	}
	environment := &envtest.Environment{BinaryAssetsDirectory: assets}
	config, err := environment.Start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the control plane: %w", err), environment.Stop())
	}
	return &ControlPlane{Config: config, Kubeconfig: environment.KubeConfig, environment: environment}, nil
}

// InstallFlux installs Flux's kinds: those whose group is in groups, or all.
func (c *ControlPlane) InstallFlux(groups ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	paths := []string{filepath.Join(root, "hack", "crds")}
	if len(groups) > 0 {
		paths = nil
	}
	for _, group := range groups {
		found, err := filepath.Glob(filepath.Join(root, "hack", "crds", group+"_*.yaml"))
		if err != nil || len(found) == 0 {
			return fmt.Errorf("no CRDs of %s in hack/crds", group)
		}
		paths = append(paths, found...)
	}
	_, err = envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{Paths: paths, ErrorIfPathMissing: true})
	if err != nil {
		return fmt.Errorf("installing Flux's kinds: %w", err)
	}
	return nil
}

// Stop ends the control plane's processes and removes their data.
func (c *ControlPlane) Stop() error {
	if err := c.environment.Stop(); err != nil {
		return fmt.Errorf("stopping the control plane: %w", err)
	}
	return nil
}

// Kubectl is the installed kubectl, or else the one that was built beside the
// control plane.
func Kubectl() (string, error) {
	if installed, err := exec.LookPath("kubectl"); err == nil {
		return installed, nil
	}
	assets, err := assetsFolder()
	return filepath.Join(assets, "kubectl"), err
}

// assetsFolder is where the control plane's binaries are.
func assetsFolder() (string, error) {
	if assets := os.Getenv(assetsVariable); assets != "" {
		return assets, nil
	}
	root, err := Root()
	return filepath.Join(root, "bin", "control-plane"), err
}

// Root is the folder of pinsync's sources, at or above the current one.
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
