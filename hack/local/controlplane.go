// Package local runs what pinsync needs on this machine, for tests and for trying pinsync:
// a Kubernetes control plane, etcd and kube-apiserver without nodes or controllers, and a
// Gitea.
package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Config is the administrator's.
	Config *rest.Config
	// Kubeconfig is a file with the same configuration.
	Kubeconfig string

	environment *envtest.Environment
	// folder has the kubeconfig files.
	folder string
}

// Start starts a control plane that serves only Kubernetes' own kinds. Where the binaries
// are missing, the error describes how to get them.
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
	folder, err := os.MkdirTemp("", "control-plane-")
	if err != nil {
		return nil, fmt.Errorf("starting the control plane: %w", err)
	}
	c := &ControlPlane{
		Kubeconfig: filepath.Join(folder, "admin"), folder: folder,
		environment: &envtest.Environment{BinaryAssetsDirectory: assets},
	}
	if c.Config, err = c.environment.Start(); err == nil {
		err = os.WriteFile(c.Kubeconfig, c.environment.KubeConfig, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the control plane: %w", err), c.Stop())
	}
	return c, nil
}

// Stop ends the control plane's processes and removes their data.
func (c *ControlPlane) Stop() error {
	if err := errors.Join(c.environment.Stop(), os.RemoveAll(c.folder)); err != nil {
		return fmt.Errorf("stopping the control plane: %w", err)
	}
	return nil
}
