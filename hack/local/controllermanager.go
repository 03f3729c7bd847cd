package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// StartControllerManager starts those of Kubernetes' controllers that turn workloads into
// Pods and delete what belonged to deleted objects. It runs until Stop.
func (c *ControlPlane) StartControllerManager(ctx context.Context) error {
	assets, err := assetsFolder()
	if err != nil {
		return err
	}
	binary := filepath.Join(assets, "kube-controller-manager")
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("no kube-controller-manager in %s: run make control-plane, or set %s", assets, assetsVariable)
	}
	command := Command(context.WithoutCancel(ctx), binary,
		"--kubeconfig", c.Kubeconfig, "--leader-elect=false", "--secure-port", "0", "--kube-api-qps", "200", "--kube-api-burst", "400",
		"--controllers", "deployment-controller,replicaset-controller,job-controller,garbage-collector-controller,namespace-controller",
	)
	c.manager, err = StartLogged(command, c.managerLog())
	return err
}

func (c *ControlPlane) managerLog() string {
	return filepath.Join(c.folder, "kube-controller-manager.log")
}

// stopControllerManager ends kube-controller-manager. It is an error if it has ended before.
func (c *ControlPlane) stopControllerManager() error {
	if c.manager == nil {
		return nil
	}
	if !c.manager.IsRunning() {
		return fmt.Errorf("%w; its log ends with:\n%s", c.manager.Failure(), endOf(c.managerLog()))
	}
	c.manager.Kill() // it has no state, and does not have to exit with code 0
	return nil
}
