//go:build e2e

package e2e

import (
	"context"
	"errors"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// own is pinsync's namespace.
const own = "pinsync-system"

// cluster is an API server with Flux's kinds, config/default and the component
// cleaner-access.
type cluster struct {
	plane  *local.ControlPlane
	client client.WithWatch
	// Kubeconfig files: of the administrator, and of the service accounts of the
	// controller and of the cleaner.
	admin, controller, reader string
	// flux and the stand-in for kubelets are nil in a cluster in which nothing is installed.
	flux    *local.Flux
	kubelet *kubelet
}

// startCluster starts a cluster in which nothing is installed: releases can only be
// suspended there.
func startCluster(ctx context.Context) (*cluster, error) {
	plane, err := local.Start()
	if err != nil {
		return nil, err
	}
	c := &cluster{plane: plane, admin: plane.Kubeconfig}
	if err := c.prepare(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// startFluxCluster starts a cluster with Flux's controllers and those of Kubernetes that make
// Pods of workloads.
func startFluxCluster(ctx context.Context) (*cluster, error) {
	c, err := startCluster(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.plane.StartControllerManager(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	if c.flux, err = local.StartFlux(ctx, c.plane); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *cluster) prepare(ctx context.Context) (err error) {
	if err := c.plane.Deploy(ctx, "config/components/cleaner-access", "config/components/read-secrets"); err != nil {
		return err
	}
	if c.controller, err = c.plane.KubeconfigOf(ctx, "pinsync"); err != nil {
		return err
	}
	if c.reader, err = c.plane.KubeconfigOf(ctx, "pinsync-cleaner"); err != nil {
		return err
	}
	c.client, err = local.NewClient(c.plane.Config)
	return err
}

// stop stops all that runs, the API server last.
func (c *cluster) stop() error {
	var errs []error
	if c.kubelet != nil {
		c.kubelet.stop()
	}
	if c.flux != nil {
		errs = append(errs, c.flux.Stop())
	}
	return errors.Join(append(errs, c.plane.Stop())...)
}

// empty deletes the objects of a test: its releases before its namespace, so that Helm finds
// what it uninstalls, and the list.
func (c *cluster) empty(ctx context.Context, namespace string) error {
	for _, kind := range []client.Object{&helmv2.HelmRelease{}, &imagev1.ImagePolicy{}, &imagev1.ImageRepository{}} {
		if err := c.client.DeleteAllOf(ctx, kind, client.InNamespace(namespace)); err != nil {
			return err
		}
	}
	for _, label := range []string{"pinsync.oleks.space/pins", "pinsync.oleks.space/report"} {
		if err := c.client.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(own), client.MatchingLabels{label: "true"}); err != nil {
			return err
		}
	}
	return c.client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
}
