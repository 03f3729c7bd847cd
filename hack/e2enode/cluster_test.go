//go:build e2enode && linux

package e2enode

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/isolated"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

const (
	// registryHost is the host of all images, which the node pulls from Gitea.
	registryHost = "git.oleks.space"
	// repositories is the path of all images, below Gitea's administrator.
	repositories = registryHost + "/oleks/"
	// sandbox is the image of Pods' sandboxes.
	sandbox = repositories + "sandbox:1"
)

// cluster is a control plane with a node, Flux, Gitea, and config/default as it is.
type cluster struct {
	place isolated.Place
	// registry has all images, and the chart that releases are of.
	registry *testbed.Registry
	plane    *local.ControlPlane
	client   client.WithWatch
	clients  kubernetes.Interface
	// image is the image reference in config/default, and digest that of what was pushed for it.
	image, digest string
	// warnings are the messages of Warning events about pinsync when it was installed.
	warnings []string
}

// startCluster starts everything, and installs config/default.
func startCluster(ctx context.Context, place isolated.Place) (*cluster, error) {
	if err := local.EnterNetwork(ctx); err != nil {
		return nil, err
	}
	c := &cluster{place: place}
	group, groupContext := errgroup.WithContext(ctx)
	group.Go(func() error { return c.startRegistry(groupContext) })
	group.Go(func() error { return c.startControlPlane(groupContext) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	group, groupContext = errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := local.StartFlux(groupContext, c.plane)
		return err
	})
	group.Go(func() error { return c.install(groupContext) })
	return c, group.Wait()
}

// startRegistry starts Gitea and pushes the images and the chart.
func (c *cluster) startRegistry(ctx context.Context) error {
	gitea, err := local.StartGitea(ctx)
	if err != nil {
		return err
	}
	c.registry = &testbed.Registry{Gitea: gitea, Owner: gitea.User}
	if err := c.registry.PushChart(ctx); err != nil {
		return err
	}
	if _, err := c.pushProgram(ctx, workloadProgram, sandbox); err != nil {
		return err
	}
	if c.image, err = findImage(ctx); err != nil {
		return err
	}
	c.digest, err = c.pushProgram(ctx, pinsyncProgram, c.image)
	return err
}

// startControlPlane starts a control plane with Flux's kinds.
func (c *cluster) startControlPlane(ctx context.Context) (err error) {
	if c.plane, err = local.StartForNode(ctx); err != nil {
		return err
	}
	if c.client, err = local.NewClient(c.plane.Config); err != nil {
		return err
	}
	if c.clients, err = kubernetes.NewForConfig(c.plane.Config); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: local.FluxNamespace}}
	return errors.Join(c.plane.InstallFlux(ctx), c.client.Create(ctx, namespace))
}

// install starts the node, and installs pinsync.
func (c *cluster) install(ctx context.Context) error {
	err := local.StartNode(ctx, &local.NodeOptions{
		Plane: c.plane, Cgroup: c.place.Cgroup(), Host: registryHost, Gitea: c.registry.Gitea, Sandbox: sandbox,
	})
	if err != nil {
		return err
	}
	if err := c.apply(ctx, "config/default"); err != nil {
		return err
	}
	var events corev1.EventList
	if err := c.client.List(ctx, &events, client.InNamespace(testbed.OwnNamespace)); err != nil {
		return err
	}
	for i := range events.Items {
		// FailedMount: kubelet has not read the ConfigMap yet, and tries again.
		if e := &events.Items[i]; e.Type != corev1.EventTypeNormal && e.Reason != "FailedMount" {
			c.warnings = append(c.warnings, e.InvolvedObject.Kind+" "+e.InvolvedObject.Name+": "+e.Message)
		}
	}
	return nil
}

// apply applies a kustomization with pinsync's Deployment, and waits until that is rolled out.
func (c *cluster) apply(ctx context.Context, kustomization string) error {
	if _, err := c.plane.Kubectl(ctx, "apply", "-k", kustomization); err != nil {
		return err
	}
	_, err := c.plane.Kubectl(ctx, "-n", testbed.OwnNamespace, "rollout", "status", "deployment/pinsync", "--timeout=2m")
	if err != nil {
		pods, described := c.plane.Kubectl(ctx, "-n", testbed.OwnNamespace, "describe", "pods")
		return errors.Join(err, described, errors.New(pods))
	}
	return nil
}

// findImage returns the image in config/default.
func findImage(ctx context.Context) (string, error) {
	var plane local.ControlPlane // none is asked
	text, err := plane.Kubectl(ctx, "kustomize", "config/default")
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`\simage: (\S+)`).FindStringSubmatch(text)
	if found == nil || !strings.HasPrefix(found[1], repositories) {
		return "", fmt.Errorf("the image of config/default is %q, not one of %s", found, repositories)
	}
	return found[1], nil
}
