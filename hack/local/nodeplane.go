package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// The addresses of a node's own network: of the API server's Service, from the range of the
// control plane's Services, and of the node.
const (
	serviceAddress = "10.0.0.1"
	nodeAddress    = "10.88.0.1"
)

// StartForNode starts a control plane for a node, with all of Kubernetes' controllers. It
// needs a network namespace, for which EnterNetwork was called: the API server listens at the
// address of its own Service, so that Pods reach it without kube-proxy.
func StartForNode(ctx context.Context) (*ControlPlane, error) {
	server := &envtest.APIServer{}
	server.Address, server.Port = serviceAddress, "443"
	server.Configure().
		Set("bind-address", "0.0.0.0").Set("advertise-address", nodeAddress).
		Set("authorization-mode", "Node,RBAC").Set("enable-admission-plugins", "NodeRestriction").
		Disable("disable-admission-plugins"). // Pods get service accounts
		Set("kubelet-preferred-address-types", "InternalIP")
	c, err := startWith(server)
	if err != nil {
		return nil, err
	}
	if err := c.startAllControllers(ctx, server.CertDir); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) startAllControllers(ctx context.Context, certificates string) error {
	authority := filepath.Join(c.folder, "ca.crt")
	if err := os.WriteFile(authority, c.Config.CAData, 0o600); err != nil {
		return err
	}
	return c.StartControllerManager(ctx, "--controllers", "*", "--root-ca-file", authority,
		"--use-service-account-credentials", "--service-account-private-key-file", filepath.Join(certificates, "sa-signer.key"))
}

// kubeconfigOfNode returns a kubeconfig file with the rights of a node's kubelet.
func (c *ControlPlane) kubeconfigOfNode(node string) (string, error) {
	user, err := c.environment.AddUser(envtest.User{Name: "system:node:" + node, Groups: []string{"system:nodes"}}, nil)
	if err != nil {
		return "", err
	}
	text, err := user.KubeConfig()
	if err != nil {
		return "", err
	}
	file := filepath.Join(c.folder, "node-"+node)
	return file, os.WriteFile(file, text, 0o600)
}
