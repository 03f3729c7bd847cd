package local

import (
	"context"
	"fmt"
	"path/filepath"
)

// StartControllerManager starts those of Kubernetes' controllers that turn workloads into
// Pods and delete what belonged to deleted objects, or others with flags. It runs until Stop.
func (c *ControlPlane) StartControllerManager(ctx context.Context, flags ...string) error {
	assets, err := findAssets("kube-controller-manager")
	if err != nil {
		return err
	}
	command := Command(context.WithoutCancel(ctx), filepath.Join(assets, "kube-controller-manager"), append([]string{
		"--kubeconfig", c.Kubeconfig, "--leader-elect=false", "--secure-port", "0", "--kube-api-qps", "200", "--kube-api-burst", "400",
		"--controllers", "deployment-controller,replicaset-controller,job-controller,garbage-collector-controller,namespace-controller",
	}, flags...)...)
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
