package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// ownNamespaceFile is where Kubernetes tells a pod its namespace.
const ownNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// controllerName is what the command is called that runs in the cluster.
const controllerName = "controller"

// controllerOptions are the flags of `pinsync controller`.
type controllerOptions struct {
	config     string
	kubeconfig string
	// metricsSecure is MetricsInsecure turned round: secure is the default.
	metricsSecure bool
	selector      string
	controllers.Options
}

func newControllerCommand() *cobra.Command {
	var o controllerOptions
	cmd := &cobra.Command{
		Use:   controllerName,
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
	flags.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8443", "`ADDRESS` that metrics are served on, 0 for none")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true,
		"serve metrics by HTTPS, to those that the API server lets read them; false: by HTTP, to everybody")
	flags.StringVar(&o.selector, "watch-label-selector", "",
		"follow only HelmReleases with these `LABELS`, such as sharding.fluxcd.io/key=shard1; each such controller needs a configMapName of its own")
	flags.StringVar(&o.HealthAddress, "health-probe-bind-address", ":8081", "`ADDRESS` that /healthz and /readyz are served on, 0 for none")
	return cmd
}

func runController(ctx context.Context, o *controllerOptions, errOut io.Writer) error {
	var err error
	if o.Configuration, err = configuration.Load(o.config); err != nil {
		return usageError(err)
	}
	if o.Namespace == "" {
		o.Namespace = ownNamespace()
	}
	if messages := validation.IsDNS1123Label(o.Namespace); len(messages) > 0 {
		return usageError(fmt.Errorf("--namespace %q: %s", o.Namespace, strings.Join(messages, "; ")))
	}
	if err := o.parseSelector(); err != nil {
		return usageError(err)
	}
	o.Version, o.MetricsInsecure = version(), !o.metricsSecure
	config, err := clusterConfig(o.kubeconfig, "")
	if err != nil {
		return usageError(err)
	}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(errOut, nil))
	log.SetLogger(logger)
	klog.SetLogger(logger)
	logger.Info("Starting pinsync", "version", version(), "apiServer", config.Host,
		"namespace", o.Namespace, "configMap", o.ConfigMapName)
	return controllers.Run(ctx, config, o.Options)
}

// parseSelector reads which releases are followed. Controllers that share them have lists
// whose names must not be those of each other's objects.
func (o *controllerOptions) parseSelector() error {
	if o.selector == "" {
		return nil
	}
	selector, err := labels.Parse(o.selector)
	if err != nil {
		return fmt.Errorf("--watch-label-selector %q: %w", o.selector, err)
	}
	if regexp.MustCompile(`-[0-9]+$`).MatchString(o.ConfigMapName) {
		return fmt.Errorf("configMapName %q: with --watch-label-selector it must not end in a number: "+
			"so are the further objects of a large list called", o.ConfigMapName)
	}
	o.Releases = selector
	return nil
}

// ownNamespace is the pod's own namespace, or the default outside of a pod.
func ownNamespace() string {
	if own, err := os.ReadFile(ownNamespaceFile); err == nil {
		return strings.TrimSpace(string(own))
	}
	return v1alpha1.DefaultNamespace
}
