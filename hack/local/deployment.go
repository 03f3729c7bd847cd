package local

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Kubectl runs kubectl as the administrator in the folder of the sources, and returns what
// it printed.
func (c *ControlPlane) Kubectl(ctx context.Context, args ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	kubectl, err := FindKubectl()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, kubectl, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...) //nolint:gosec // a kubectl
	command.Dir = root
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(output), nil
}

// Deploy installs Flux's kinds, creates its namespace, and applies config/default and further
// folders of the sources.
func (c *ControlPlane) Deploy(ctx context.Context, more ...string) error {
	if err := c.InstallFlux(ctx); err != nil {
		return err
	}
	administrator, err := NewClient(c.Config)
	if err != nil {
		return err
	}
	// The policy that lets pinsync fetch charts is there.
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: FluxNamespace}}
	if err := administrator.Create(ctx, namespace); client.IgnoreAlreadyExists(err) != nil {
		return err
	}
	for _, kustomization := range append([]string{"config/default"}, more...) {
		if _, err := c.Kubectl(ctx, "apply", "-k", kustomization); err != nil {
			return err
		}
	}
	return nil
}

// tokenLifetime is how long the tokens of service accounts are valid.
const tokenLifetime = 24 * time.Hour

// KubeconfigOf returns a kubeconfig file with a token of one of pinsync's service accounts,
// and no other rights. It is removed when the control plane is stopped.
func (c *ControlPlane) KubeconfigOf(ctx context.Context, account string) (string, error) {
	administrator, err := NewClient(c.Config)
	if err != nil {
		return "", err
	}
	// A kubelet would renew it; here it must last as long as anything runs.
	token := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(tokenLifetime.Seconds()))}}
	object := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.DefaultNamespace, Name: account}}
	if err := administrator.SubResource("token").Create(ctx, object, token); err != nil {
		return "", fmt.Errorf("requesting a token of %s: %w", account, err)
	}
	file := filepath.Join(c.folder, account)
	return file, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"local": {
			Server: c.Config.Host, CertificateAuthorityData: c.Config.CAData,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{account: {Token: token.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"local": {Cluster: "local", AuthInfo: account}},
		CurrentContext: "local",
	}, file)
}
