// Command run shows pinsync at work on this machine: it starts a control plane,
// loads the samples, runs the controller and prints what it writes. It ends with
// Ctrl-C, and leaves nothing running.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
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

// run does everything, with a kubeconfig and a log in the folder, and undoes it
// when ctx is done or something fails.
func run(ctx context.Context, binary, samples, folder string, out io.Writer) (err error) {
	fmt.Fprintln(out, "Starting etcd and kube-apiserver ...")
	plane, err := local.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	kubeconfig := filepath.Join(folder, "kubeconfig")
	if err := os.WriteFile(kubeconfig, plane.Kubeconfig, 0o600); err != nil {
		return err
	}
	defer os.Remove(kubeconfig) //nolint:errcheck // it is of no use any more either way

	c, err := prepare(ctx, plane, samples, out)
	if err != nil {
		return err
	}
	controller, err := start(ctx, binary, kubeconfig, filepath.Join(folder, "controller.log"), out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, controller.stop()) }()
	if err := show(ctx, c, controller, kubeconfig, out); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nStopping.")
		return nil
	case <-controller.done:
		return controller.failure()
	}
}

// prepare installs Flux's kinds and loads the samples.
func prepare(ctx context.Context, plane *local.ControlPlane, samples string, out io.Writer) (client.Client, error) {
	fmt.Fprintln(out, "Loading Flux's kinds and config/samples ...")
	if err := plane.InstallFlux(); err != nil {
		return nil, err
	}
	c, err := client.New(plane.Config, client.Options{})
	if err != nil {
		return nil, err
	}
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DefaultNamespace}}
	if err := c.Create(ctx, own); err != nil {
		return nil, err
	}
	return c, local.Load(ctx, c, samples)
}

// process is the running controller.
type process struct {
	command *exec.Cmd
	log     string
	done    chan struct{}
}

// start starts the controller.
func start(ctx context.Context, binary, kubeconfig, logName string, out io.Writer) (*process, error) {
	fmt.Fprintln(out, "Starting pinsync controller, log in", logName, "...")
	logFile, err := os.Create(logName) //nolint:gosec // a file of this program
	if err != nil {
		return nil, err
	}
	defer logFile.Close()                                     //nolint:errcheck // the controller has its own handle
	command := exec.CommandContext(ctx, binary, "controller", //nolint:gosec // the binary that was built
		"--kubeconfig", kubeconfig, "--metrics-bind-address", "0", "--health-probe-bind-address", "0")
	command.Stderr = logFile
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	// A group of its own: Ctrl-C in a terminal goes to this program alone, which
	// ends the controller before the API server.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting the controller: %w", err)
	}
	p := &process{command: command, log: logName, done: make(chan struct{})}
	go func() {
		_ = command.Wait() // how it ended is in its log and its state
		close(p.done)
	}()
	return p, nil
}

// stop ends the controller and waits for its end.
func (p *process) stop() error {
	err := p.command.Process.Signal(syscall.SIGTERM)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// failure is the error that the controller ended by itself.
func (p *process) failure() error {
	return fmt.Errorf("the controller ended by itself (%s), its log is %s", p.command.ProcessState, p.log)
}

// show waits for the ConfigMap, prints it, and says how to look at it.
func show(ctx context.Context, c client.Client, controller *process, kubeconfig string, out io.Writer) error {
	configMap := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: v1alpha1.DefaultNamespace, Name: v1alpha1.DefaultConfigMapName}
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case <-controller.done:
			return false, controller.failure()
		default:
			return c.Get(ctx, key, configMap) == nil, nil
		}
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // Ctrl-C while waiting is no failure
	}
	if err != nil {
		return err
	}
	configMap.ManagedFields = nil
	configMap.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	text, err := yaml.Marshal(configMap)
	if err != nil {
		return err
	}
	kubectl, err := local.Kubectl()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s", text)
	fmt.Fprintf(out, hints, kubectl, kubeconfig)
	return nil
}

// hints says what to do next; %[1]s is kubectl, %[2]s the kubeconfig.
const hints = `
pinsync is running. In another terminal:

  alias k='%[1]s --kubeconfig %[2]s'

  # the pins, and why they are there
  k -n pinsync-system get configmap registry-pins -o jsonpath='{.data.registry-pins\.txt}'
  k -n pinsync-system get configmap registry-pins -o jsonpath='{.data.report\.json}'

  # wake a release up: its pin is held, and the report says what it waits for
  k -n kotkan patch helmrelease cms-plugins-staging --type merge -p '{"spec":{"suspend":false}}'

Ctrl-C ends everything.
`
