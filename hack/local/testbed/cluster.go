package testbed

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// Cluster is an API server with Flux's kinds, config/default and the components cleaner-access,
// read-secrets and request-charts.
type Cluster struct {
	Plane  *local.ControlPlane
	Client client.WithWatch
	// Kubeconfig files: of the administrator, and of the service accounts of the controller and
	// of the cleaner.
	Admin, Controller, Reader string
	Flux                      *local.Flux
	// Kubelet is nil unless it was started besides.
	Kubelet *Kubelet
}

// StartCluster starts a cluster with Flux's controllers and those of Kubernetes that make Pods of
// workloads.
func StartCluster(ctx context.Context) (*Cluster, error) {
	plane, err := local.Start()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Plane: plane, Admin: plane.Kubeconfig}
	if err := c.prepare(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) prepare(ctx context.Context) (err error) {
	if err := c.Plane.Deploy(ctx, "config/components/cleaner-access", "config/components/read-secrets", "config/components/request-charts"); err != nil {
		return err
	}
	if c.Controller, err = c.Plane.KubeconfigOf(ctx, "pinsync"); err != nil {
		return err
	}
	if c.Reader, err = c.Plane.KubeconfigOf(ctx, "pinsync-cleaner"); err != nil {
		return err
	}
	if c.Client, err = local.NewClient(c.Plane.Config); err != nil {
		return err
	}
	if err := c.Plane.StartControllerManager(ctx); err != nil {
		return err
	}
	c.Flux, err = local.StartFlux(ctx, c.Plane)
	return err
}

// Stop stops all that runs, the API server last.
func (c *Cluster) Stop() error {
	var errs []error
	if c.Kubelet != nil {
		c.Kubelet.Stop()
	}
	if c.Flux != nil {
		errs = append(errs, c.Flux.Stop())
	}
	return errors.Join(append(errs, c.Plane.Stop())...)
}
