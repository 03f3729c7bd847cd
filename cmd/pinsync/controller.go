package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// ownNamespaceFile has the namespace of the pod.
const ownNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// controllerName is the name of the command that runs in the cluster.
const controllerName = "controller"

// controllerOptions are the flags of `pinsync controller`.
type controllerOptions struct {
	config     string
	kubeconfig string
	// metricsSecure is the opposite of MetricsInsecure: secure is the default.
	metricsSecure bool
	selector      string
	// createHelmCharts is as missingHelmCharts: Create in the configuration.
	createHelmCharts bool
	log              loggerOptions
	controllers.Options
}

func newControllerCommand() *cobra.Command {
	var o controllerOptions
	cmd := &cobra.Command{
		Use:   controllerName,
		Short: "Keep the ConfigMap of pins up to date",
		Long: "controller watches a cluster and writes the tags that its suspended releases need\n" +
			"to a ConfigMap. It uses --kubeconfig, KUBECONFIG or ~/.kube/config, or the pod's\n" +
			"service account.",
		Args: noArgs(""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runController(cmd.Context(), &o, cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.config, "config", "", "configuration `FILE`")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` of the cluster")
	flags.StringVar(&o.Namespace, "pinsync-namespace", "",
		"`NAMESPACE` of the ConfigMap and the lease (default: the pod's own, otherwise "+v1alpha1.DefaultNamespace+")")
	keepOldName(flags, "namespace", "pinsync-namespace")
	flags.BoolVar(&o.LeaderElect, "leader-elect", false, "enable leader election: only the replica that holds the lease writes the list")
	flags.StringVar(&o.MetricsAddress, "metrics-bind-address", ":8443", "`ADDRESS` of the metrics endpoint, 0 to disable it")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true,
		"serve metrics over HTTPS, to clients that the API server authorizes; false: over HTTP, to every client")
	flags.StringVar(&o.selector, "watch-label-selector", "",
		"watch only HelmReleases that match this label `SELECTOR`, such as sharding.fluxcd.io/key=shard1; each such instance needs its own configMapName")
	flags.StringVar(&o.HealthAddress, "health-probe-bind-address", ":8081", "`ADDRESS` of the endpoints /healthz and /readyz, 0 to disable them")
	flags.StringVar(&o.PprofAddress, "pprof-bind-address", "0", "`ADDRESS` of Go's profiles below /debug/pprof/, for every client; 0 to disable them")
	flags.BoolVar(&o.createHelmCharts, "create-missing-helm-charts", false,
		"as missingHelmCharts: Create in the configuration; the component request-charts sets it")
	o.log.addTo(flags)
	completeFiles(cmd, "config", "kubeconfig")
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
	if err := checkNamespace("--pinsync-namespace", o.Namespace); err != nil {
		return usageError(err)
	}
	if err := o.parseSelector(); err != nil {
		return usageError(err)
	}
	logger, err := o.log.logger(errOut)
	if err != nil {
		return usageError(err)
	}
	if o.createHelmCharts && o.IgnoreCharts {
		return usageError(errors.New("--create-missing-helm-charts: the configuration's charts is Ignore, want Read"))
	}
	o.CreateHelmCharts = o.CreateHelmCharts || o.createHelmCharts
	o.Version, o.MetricsInsecure = version(), !o.metricsSecure
	if !o.IgnoreCharts {
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding the program to render charts with: %w", err)
		}
		o.Charts = newFinder(program, chartimages.Limits{Memory: o.RenderMemory, Time: o.RenderTimeout})
		defer o.Charts.Close()
	}
	config, err := clusterConfig(o.kubeconfig, "")
	if err != nil {
		return usageError(err)
	}
	log.SetLogger(logger)
	klog.SetLogger(logger)
	logger.Info("Starting pinsync", "version", version(), "apiServer", config.Host,
		"namespace", o.Namespace, "configMap", o.ConfigMapName)
	return controllers.Run(log.IntoContext(ctx, logger), config, o.Options)
}

// parseSelector parses the selector of the releases that this instance watches. The lists of
// several instances must not have the names of each other's objects.
func (o *controllerOptions) parseSelector() error {
	if o.selector == "" {
		return nil
	}
	selector, err := labels.Parse(o.selector)
	if err != nil {
		return fmt.Errorf("--watch-label-selector %q: %w", o.selector, err)
	}
	o.Releases = selector
	return nil
}

// ownNamespace returns the pod's own namespace, or the default outside of a pod.
func ownNamespace() string {
	if own, err := os.ReadFile(ownNamespaceFile); err == nil {
		return strings.TrimSpace(string(own))
	}
	return v1alpha1.DefaultNamespace
}
