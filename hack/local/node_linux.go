package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NodeName is the name of the node.
const NodeName = "node"

// node is a node of a control plane: kube-scheduler, containerd and kubelet.
type node struct {
	folder string
}

// NodeOptions are what a node depends on.
type NodeOptions struct {
	// Plane is a control plane of StartForNode.
	Plane *ControlPlane
	// Cgroup is the path of a cgroup for the cgroups of Pods.
	Cgroup string
	// Host is the host of the only registry that images can be pulled from; Gitea has them.
	Host  string
	Gitea *Gitea
	// Sandbox is the image of Pods' sandboxes.
	Sandbox string
}

// StartNode starts a node and waits until it is ready. It is not stopped: its processes and
// their mounts end with the namespaces that they are in.
func StartNode(ctx context.Context, options *NodeOptions) error {
	folder, err := os.MkdirTemp("", "node-")
	if err != nil {
		return fmt.Errorf("starting a node: %w", err)
	}
	n := &node{folder: folder}
	for _, start := range []func(context.Context, *NodeOptions) error{n.configure, n.startRuntime, n.startKubernetes, n.awaitReady} {
		if err := start(ctx, options); err != nil {
			return fmt.Errorf("starting a node: %w", err)
		}
	}
	return nil
}

// configure writes the configuration of all programs.
func (n *node) configure(_ context.Context, options *NodeOptions) error {
	plugins, err := networkPlugins()
	if err != nil {
		return err
	}
	values := map[string]any{
		"Folder": n.folder, "Plugins": plugins, "Address": nodeAddress, "Cgroup": options.Cgroup,
		"Host": options.Host, "Sandbox": options.Sandbox, "Registry": "http://" + options.Gitea.Host,
		"Login": options.Gitea.basicLogin(),
	}
	for name, text := range map[string]string{
		"containerd.toml": containerdConfig, "kubelet.yaml": kubeletConfig, "networks/pods.conflist": networkConfig,
		"registries/" + options.Host + "/hosts.toml": registryConfig,
	} {
		file := filepath.Join(n.folder, name)
		parsed, err := template.New(name).Parse(text)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		out, err := os.Create(file) //nolint:gosec // a file of the node
		if err != nil {
			return err
		}
		if err := errors.Join(parsed.Execute(out, values), out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// networkPlugins returns the folder of the CNI plugins: Debian's, or the usual one.
func networkPlugins() (string, error) {
	folders := []string{"/usr/lib/cni", "/opt/cni/bin"}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "bridge")); err == nil {
			return folder, nil
		}
	}
	return "", fmt.Errorf("no CNI plugins in %v", folders)
}

// startRuntime starts containerd, and waits until it answers.
func (n *node) startRuntime(ctx context.Context, _ *NodeOptions) error {
	containerd, err := n.start(ctx, "containerd", "--config", filepath.Join(n.folder, "containerd.toml"))
	if err != nil {
		return err
	}
	ctx, cancel := containerd.WithEnd(ctx)
	defer cancel()
	err = Until(ctx, startTimeout, func(context.Context) (bool, string) {
		_, err := os.Stat(filepath.Join(n.folder, "containerd.sock"))
		return err == nil, fmt.Sprint(err)
	})
	return n.withLog("containerd", err)
}

func (n *node) startKubernetes(ctx context.Context, options *NodeOptions) error {
	assets, err := findAssets("kube-scheduler", "kubelet")
	if err != nil {
		return err
	}
	kubeconfig, err := options.Plane.kubeconfigOfNode(NodeName)
	if err != nil {
		return err
	}
	_, err = n.start(ctx, filepath.Join(assets, "kube-scheduler"), "--kubeconfig", options.Plane.Kubeconfig, "--leader-elect=false", "--secure-port", "0")
	if err != nil {
		return err
	}
	_, err = n.start(ctx, filepath.Join(assets, "kubelet"), "--kubeconfig", kubeconfig, "--config", filepath.Join(n.folder, "kubelet.yaml"),
		"--root-dir", filepath.Join(n.folder, "kubelet"), "--cert-dir", filepath.Join(n.folder, "certificates"),
		"--hostname-override", NodeName, "--node-ip", nodeAddress)
	return err
}

// awaitReady waits until the node is ready, and Pods may be scheduled to it.
func (n *node) awaitReady(ctx context.Context, options *NodeOptions) error {
	c, err := NewClient(options.Plane.Config)
	if err != nil {
		return err
	}
	err = Until(ctx, startTimeout, func(ctx context.Context) (bool, string) {
		var node corev1.Node
		if err := c.Get(ctx, client.ObjectKey{Name: NodeName}, &node); err != nil {
			return false, err.Error()
		}
		ready := slices.ContainsFunc(node.Status.Conditions, func(condition corev1.NodeCondition) bool {
			return condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
		})
		return ready && len(node.Spec.Taints) == 0, fmt.Sprintf("%+v, taints %v", node.Status.Conditions, node.Spec.Taints)
	})
	return n.withLog("kubelet", err)
}

// start starts one of the node's programs, which runs until its namespaces end.
func (n *node) start(ctx context.Context, binary string, args ...string) (*Process, error) {
	return StartLogged(Command(context.WithoutCancel(ctx), binary, args...), n.log(filepath.Base(binary)))
}

func (n *node) log(name string) string { return filepath.Join(n.folder, name+".log") }

// withLog adds the end of a program's log to an error.
func (n *node) withLog(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; the log of %s ends with:\n%s", err, name, endOf(n.log(name)))
}
