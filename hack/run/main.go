// Command run runs pinsync on this machine: it starts a control plane, loads the samples,
// starts the controller and prints the list that it writes, with commands that show the report. Ctrl-C stops everything.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local"
)

func main() {
	log.SetLogger(logr.FromSlogHandler(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runBuilt(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// runBuilt runs the pinsync that make build has built.
func runBuilt(ctx context.Context) error {
	root, err := local.Root()
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "bin", "run")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return run(ctx, filepath.Join(root, "bin", "pinsync"), filepath.Join(root, "config", "samples"), folder, os.Stdout)
}

// run starts everything, with the controller's log in the folder, and stops it when ctx is
// done or something fails.
func run(ctx context.Context, binary, samples, folder string, out io.Writer) (err error) {
	fmt.Fprintln(out, "Starting etcd and kube-apiserver ...")
	plane, err := local.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	c, err := prepare(ctx, plane, samples, out)
	if err != nil {
		return err
	}
	log := filepath.Join(folder, "controller.log")
	fmt.Fprintln(out, "Starting pinsync controller, log in", log, "...")
	controller, err := local.StartLogged(local.Command(ctx, binary, "controller",
		"--kubeconfig", plane.Kubeconfig, "--metrics-bind-address", "0", "--health-probe-bind-address", "0"), log)
	if err != nil {
		return err
	}
	defer func() { _ = controller.Stop() }() // the reason is in its log
	running, cancel := controller.WithEnd(ctx)
	defer cancel()
	err = show(running, c, plane.Kubeconfig, binary, out)
	if err == nil {
		<-running.Done()
		err = context.Cause(running)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(out, "\nStopping.")
		return nil
	}
	return fmt.Errorf("%w; the controller's log is %s", err, log)
}

// prepare installs Flux's kinds and loads the samples.
func prepare(ctx context.Context, plane *local.ControlPlane, samples string, out io.Writer) (client.Client, error) {
	fmt.Fprintln(out, "Loading Flux's kinds and config/samples ...")
	if err := plane.InstallFlux(ctx); err != nil {
		return nil, err
	}
	c, err := local.NewClient(plane.Config)
	if err != nil {
		return nil, err
	}
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DefaultNamespace}}
	if err := c.Create(ctx, own); err != nil {
		return nil, err
	}
	return c, local.Load(ctx, c, samples)
}

// startTimeout is how long the controller may take to write its first list.
const startTimeout = 2 * time.Minute

// show waits for the complete list, and prints its ConfigMap with commands that show more.
func show(ctx context.Context, c client.Client, kubeconfig, binary string, out io.Writer) error {
	configMap := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: v1alpha1.DefaultNamespace, Name: v1alpha1.DefaultConfigMapName}
	err := local.Until(ctx, startTimeout, func(ctx context.Context) (bool, string) {
		err := c.Get(ctx, key, configMap)
		complete := configMap.Annotations[v1alpha1.CompleteAnnotation]
		return err == nil && complete == "true", fmt.Sprintf("%v, complete: %q", err, complete)
	})
	if err != nil {
		return err
	}
	configMap.ManagedFields = nil
	configMap.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	text, err := yaml.Marshal(configMap)
	if err != nil {
		return err
	}
	kubectl, err := local.FindKubectl()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s", text)
	fmt.Fprintf(out, hints, kubeconfig, filepath.Dir(binary), filepath.Dir(kubectl))
	return nil
}

// hints are commands to try; %[1]s is the kubeconfig, %[2]s and %[3]s the folders of pinsync and kubectl.
const hints = `
pinsync is running. In another terminal:

  export KUBECONFIG=%[1]s PATH=%[2]s:$PATH:%[3]s

  # is the list current, and what is pinned for each release? the report follows the list within
  # some seconds; ChartNotRead is expected here: Flux's source-controller, which serves charts, does
  # not run
  pinsync status
  pinsync explain kotkan/cms-plugins-staging
  kubectl -n pinsync-system get configmap registry-pins-report -o jsonpath='{.data.report\.json}'

  # what a cleaner that has just read the pods gets
  pinsync export --pods-first

  # resume a release: its pin is held, and the report has the reason
  kubectl -n kotkan patch helmrelease cms-plugins-staging --type merge -p '{"spec":{"suspend":false}}'

Ctrl-C stops everything.
`
