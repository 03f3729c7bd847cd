//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// Namespaces of a cluster: pinsync's, and that of the releases.
const (
	own  = "pinsync-system"
	apps = "kotkan"
)

// cluster is an API server with Flux's kinds, config/default and the component for
// the cleaner.
type cluster struct {
	plane  *local.ControlPlane
	client client.Client
	// Kubeconfig files: of the administrator, and of the service accounts of the
	// controller and of the cleaner.
	admin, controller, reader string
}

// startCluster makes a folder for the kubeconfig files.
func startCluster(ctx context.Context, folder string) (*cluster, error) {
	plane, err := local.Start()
	if err != nil {
		return nil, err
	}
	c := &cluster{plane: plane}
	if err := c.prepare(ctx, folder); err != nil {
		return nil, errors.Join(err, plane.Stop())
	}
	return c, nil
}

func (c *cluster) prepare(ctx context.Context, folder string) error {
	c.admin, c.controller, c.reader = filepath.Join(folder, "admin"), filepath.Join(folder, "controller"), filepath.Join(folder, "reader")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(c.admin, c.plane.Kubeconfig, 0o600); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, helmv2.AddToScheme, imagev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	var err error
	if c.client, err = client.New(c.plane.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := c.install(ctx); err != nil {
		return err
	}
	if err := c.writeKubeconfig(ctx, c.controller, "pinsync"); err != nil {
		return err
	}
	return c.writeKubeconfig(ctx, c.reader, "pinsync-cleaner")
}

func (c *cluster) install(ctx context.Context) error {
	if err := c.plane.InstallFlux(); err != nil {
		return err
	}
	kubectl, err := local.Kubectl()
	if err != nil {
		return err
	}
	for _, kustomization := range []string{"../../config/default", "../../config/components/cleaner-access"} {
		apply := exec.CommandContext(ctx, kubectl, "--kubeconfig", c.admin, "apply", "-k", kustomization)
		if output, err := apply.CombinedOutput(); err != nil {
			return fmt.Errorf("applying %s: %w: %s", kustomization, err, output)
		}
	}
	return c.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: apps}})
}

// writeKubeconfig writes a kubeconfig with a token of a service account and nothing
// else.
func (c *cluster) writeKubeconfig(ctx context.Context, file, name string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: own, Name: name}}
	token := &authenticationv1.TokenRequest{}
	if err := c.client.SubResource("token").Create(ctx, account, token); err != nil {
		return fmt.Errorf("a token of %s: %w", name, err)
	}
	return clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"local": {
			Server: c.plane.Config.Host, CertificateAuthorityData: c.plane.Config.CAData,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {Token: token.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"local": {Cluster: "local", AuthInfo: name}},
		CurrentContext: "local",
	}, file)
}

// empty deletes what a test has left.
func (c *cluster) empty(ctx context.Context) error {
	for _, kind := range []client.Object{&helmv2.HelmRelease{}, &imagev1.ImagePolicy{}, &imagev1.ImageRepository{}, &corev1.Pod{}} {
		if err := c.client.DeleteAllOf(ctx, kind, client.InNamespace(apps)); err != nil {
			return err
		}
	}
	return c.client.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace(own), client.MatchingLabels{"pinsync.oleks.space/pins": "true"})
}
