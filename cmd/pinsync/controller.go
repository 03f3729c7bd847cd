package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// ownNamespaceFile is where Kubernetes tells a pod its namespace.
const ownNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// controllerOptions are the flags of `pinsync controller`.
type controllerOptions struct {
	config     string
	kubeconfig string
	controllers.Options
}

func newControllerCommand() *cobra.Command {
	var o controllerOptions
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Keep the ConfigMap of pins in step with a cluster",
		Long: "controller watches a cluster and writes the tags that its suspended releases need\n" +
			"to a ConfigMap. In a pod it uses the pod's service account, elsewhere --kubeconfig,\n" +
			"KUBECONFIG or ~/.kube/config.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runController(cmd.Context(), &o, cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.config, "config", "", "configuration `FILE`")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` of the cluster")
	flags.StringVar(&o.Namespace, "namespace", "",
		"`NAMESPACE` of the ConfigMap and the lease (default: the pod's own, else "+v1alpha1.DefaultNamespace+")")
	flags.BoolVar(&o.LeaderElect, "leader-elect", false, "take turns with other replicas through a lease")
	flags.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8080", "`ADDRESS` that metrics are served on, 0 for none")
	flags.StringVar(&o.HealthAddress, "health-probe-bind-address", ":8081", "`ADDRESS` that /healthz and /readyz are served on, 0 for none")
	return cmd
}

func runController(ctx context.Context, o *controllerOptions, errOut io.Writer) error {
	var err error
	if o.Configuration, err = configuration.Load(o.config); err != nil {
		return &usageError{err}
	}
	if o.Namespace == "" {
		o.Namespace = ownNamespace()
	}
	if messages := validation.IsDNS1123Label(o.Namespace); len(messages) > 0 {
		return &usageError{fmt.Errorf("--namespace %q: %s", o.Namespace, strings.Join(messages, "; "))}
	}
	config, err := clusterConfig(o.kubeconfig)
	if err != nil {
		return &usageError{err}
	}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(errOut, nil))
	log.SetLogger(logger)
	klog.SetLogger(logger)
	logger.Info("Starting pinsync", "version", version(), "apiServer", config.Host,
		"namespace", o.Namespace, "configMap", o.ConfigMapName)
	return controllers.Run(ctx, config, o.Options)
}

// clusterConfig says how to reach the cluster: as the kubeconfig file says, or,
// without one, as KUBECONFIG, ~/.kube/config or the pod's service account do.
func clusterConfig(kubeconfig string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err) && kubeconfig != "":
		return nil, fmt.Errorf("--kubeconfig %s: there is no cluster in it", kubeconfig)
	case clientcmd.IsEmptyConfig(err):
		return nil, errors.New("no cluster: give --kubeconfig FILE, set KUBECONFIG, or run in a pod")
	case err != nil:
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.QPS = -1 // the API server's priority and fairness decide
	return config, nil
}

// ownNamespace is the pod's own namespace, or the default outside of a pod.
func ownNamespace() string {
	if own, err := os.ReadFile(ownNamespaceFile); err == nil {
		return strings.TrimSpace(string(own))
	}
	return v1alpha1.DefaultNamespace
}
