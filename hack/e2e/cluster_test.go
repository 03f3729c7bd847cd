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

// The namespaces of pinsync and of the releases.
const (
	own  = "pinsync-system"
	apps = "kotkan"
)

// cluster is an API server with Flux's kinds, config/default and the component
// cleaner-access.
type cluster struct {
	plane  *local.ControlPlane
	client client.Client
	// Kubeconfig files: of the administrator, and of the service accounts of the
	// controller and of the cleaner.
	admin, controller, reader string
}

func startCluster(ctx context.Context) (*cluster, error) {
	plane, err := local.Start()
	if err != nil {
		return nil, err
	}
	c := &cluster{plane: plane, admin: plane.Kubeconfig}
	if err := c.prepare(ctx); err != nil {
		return nil, errors.Join(err, plane.Stop())
	}
	return c, nil
}

func (c *cluster) prepare(ctx context.Context) (err error) {
	if err := c.plane.Deploy(ctx, "config/components/cleaner-access"); err != nil {
		return err
	}
	if c.controller, err = c.plane.KubeconfigOf(ctx, "pinsync"); err != nil {
		return err
	}
	if c.reader, err = c.plane.KubeconfigOf(ctx, "pinsync-cleaner"); err != nil {
		return err
	}
	if c.client, err = local.NewClient(c.plane.Config); err != nil {
		return err
	}
	return c.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: apps}})
}

// empty deletes the objects of a test.
func (c *cluster) empty(ctx context.Context) error {
	for _, kind := range []client.Object{&helmv2.HelmRelease{}, &imagev1.ImagePolicy{}, &imagev1.ImageRepository{}, &corev1.Pod{}} {
		if err := c.client.DeleteAllOf(ctx, kind, client.InNamespace(apps)); err != nil {
			return err
		}
	}
	for _, label := range []string{"pinsync.oleks.space/pins", "pinsync.oleks.space/report"} {
		if err := c.client.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(own), client.MatchingLabels{label: "true"}); err != nil {
			return err
		}
	}
	return nil
}
