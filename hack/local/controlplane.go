// Package local runs what pinsync needs on this machine, for tests and for trying pinsync:
// a Kubernetes control plane, etcd and kube-apiserver, and where needed controllers of Kubernetes,
// those of Flux, a Gitea, and on Linux a node.
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

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Config is the administrator's.
	Config *rest.Config
	// Kubeconfig is a file with the same configuration.
	Kubeconfig string

	environment *envtest.Environment
	// manager is kube-controller-manager, if it was started, and apiServer is kube-apiserver, if it
	// was killed and started again.
	manager, apiServer *Process
	// folder has the kubeconfig files, and what bind and CrashAPIServer write.
	folder string
}

// Start starts a control plane that serves only Kubernetes' own kinds. Where the binaries
// are missing, the error describes how to get them.
func Start() (*ControlPlane, error) { return startWith(&envtest.APIServer{}) }

func startWith(server *envtest.APIServer) (*ControlPlane, error) {
	assets, err := findAssets("etcd", "kube-apiserver")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "control-plane-")
	if err != nil {
		return nil, fmt.Errorf("starting the control plane: %w", err)
	}
	c := &ControlPlane{Kubeconfig: filepath.Join(folder, "admin"), folder: folder, environment: &envtest.Environment{ControlPlaneStartTimeout: startTimeout}}
	c.environment.ControlPlane.APIServer = server
	if err := c.start(assets); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the control plane: %w", err), c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(assets string) (err error) {
	c.environment.ControlPlane.Etcd = &envtest.Etcd{}
	for binary, path := range map[string]*string{
		"etcd":           &c.environment.ControlPlane.Etcd.Path,
		"kube-apiserver": &c.environment.ControlPlane.GetAPIServer().Path,
	} {
		if *path, err = c.bind(filepath.Join(assets, binary)); err != nil {
			return err
		}
	}
	if c.Config, err = c.environment.Start(); err != nil {
		return err
	}
	return os.WriteFile(c.Kubeconfig, c.environment.KubeConfig, 0o600)
}

// bind returns a program that runs a binary, and records its process ID and its arguments. Where
// the system can, the process is killed when this one ends, however it ends: envtest, which
// starts it, does not see to that.
func (c *ControlPlane) bind(binary string) (string, error) {
	bound := ""
	if setpriv, err := exec.LookPath("setpriv"); err == nil { // only Linux has it
		bound = "'" + setpriv + "' --pdeathsig KILL -- "
	}
	name := filepath.Base(binary)
	script := filepath.Join(c.folder, "run-"+name)
	text := fmt.Appendf(nil, "#!/bin/sh\necho $$ >'%s'\nprintf '%%s\\0' '%s' \"$@\" >'%s'\nexec %s'%s' \"$@\"\n",
		c.pidFile(name), binary, c.argsFile(name), bound, binary)
	return script, os.WriteFile(script, text, 0o700) //nolint:gosec // it is run
}

// Stop ends the control plane's processes and removes their data.
func (c *ControlPlane) Stop() error {
	managerErr := c.stopControllerManager()
	if c.apiServer != nil {
		c.apiServer.Kill() // what it has stored is removed
	}
	if err := errors.Join(managerErr, c.environment.Stop(), os.RemoveAll(c.folder)); err != nil {
		return fmt.Errorf("stopping the control plane: %w", err)
	}
	return nil
}
