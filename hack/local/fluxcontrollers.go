package local

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
)

// The controllers of Flux that run, as their modules and their binaries are called.
const (
	sourceController         = "source-controller"
	helmController           = "helm-controller"
	kustomizeController      = "kustomize-controller"
	imageReflectorController = "image-reflector-controller"
)

// FluxNamespace is the namespace that Flux's controllers take for their own.
const FluxNamespace = "flux-system"

// Flux is Flux's controllers, which run for one control plane.
type Flux struct {
	// folder has the controllers' data and their logs.
	folder string
	// kubeconfig is the administrator's, as in Flux's own manifests.
	kubeconfig  string
	controllers []*fluxController
	// flags are further ones of all controllers.
	flags []string
}

// fluxController is one of Flux's controllers.
type fluxController struct {
	name string
	args []string
	// health is the address of its probes.
	health  string
	process *Process
}

// StartFlux starts Flux's controllers, which hack/flux/build.sh has built. Where they are
// missing, the error describes how to get them.
func StartFlux(ctx context.Context, plane *ControlPlane) (*Flux, error) {
	folder, err := os.MkdirTemp("", "flux-")
	if err != nil {
		return nil, fmt.Errorf("starting Flux: %w", err)
	}
	f := &Flux{folder: folder, kubeconfig: plane.Kubeconfig}
	if err := f.start(ctx, plane.Config.Host); err != nil {
		return nil, errors.Join(fmt.Errorf("starting Flux: %w", err), f.Stop())
	}
	return f, nil
}

// start starts the controllers. source-controller serves artifacts where the API server is: Pods,
// if there are any, reach that.
func (f *Flux) start(ctx context.Context, server string) error {
	address, err := url.Parse(server)
	if err != nil {
		return err
	}
	artifacts, err := freeAddress(ctx, address.Hostname())
	if err != nil {
		return err
	}
	for name, args := range map[string][]string{
		sourceController: {
			"--storage-path", f.data(sourceController), "--storage-addr", artifacts, "--storage-adv-addr", artifacts,
		},
		helmController:           nil,
		kustomizeController:      nil,
		imageReflectorController: {"--storage-path", f.data(imageReflectorController)},
	} {
		if err := f.add(ctx, name, args); err != nil {
			return err
		}
	}
	return f.forEach(func(c *fluxController) error { return f.startOne(ctx, c) })
}

// add adds a controller that is not started yet.
func (f *Flux) add(ctx context.Context, name string, args []string) error {
	health, err := FreeAddress(ctx)
	if err != nil {
		return err
	}
	f.controllers = append(f.controllers, &fluxController{name: name, health: health, args: append(args,
		"--health-addr", health, "--metrics-addr", "0", "--events-addr", "", "--enable-leader-election=false",
		// What has failed is tried again soon: a test waits for it.
		"--requeue-dependency", "500ms", "--min-retry-delay", "200ms", "--max-retry-delay", "2s",
		"--kube-api-qps", "200", "--kube-api-burst", "400",
	)})
	return nil
}

// data returns the folder of a controller's data.
func (f *Flux) data(name string) string { return filepath.Join(f.folder, name) }

// startOne starts a controller and waits until it is ready.
func (f *Flux) startOne(ctx context.Context, c *fluxController) error {
	root, err := Root()
	if err != nil {
		return err
	}
	binary := filepath.Join(root, "bin", "flux", c.name)
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("no %s in %s: run make flux", c.name, filepath.Dir(binary))
	}
	if err := os.MkdirAll(f.data(c.name), 0o700); err != nil {
		return err
	}
	command := Command(context.WithoutCancel(ctx), binary, slices.Concat(c.args, f.flags)...)
	command.Env = append(os.Environ(), "KUBECONFIG="+f.kubeconfig, "RUNTIME_NAMESPACE="+FluxNamespace, "TMPDIR="+f.folder)
	if c.process, err = StartLogged(command, f.log(c.name)); err != nil {
		return err
	}
	ctx, cancel := c.process.WithEnd(ctx)
	defer cancel()
	err = Until(ctx, startTimeout, func(ctx context.Context) (bool, string) {
		err := askHealth(ctx, "http://"+c.health+"/readyz")
		return err == nil, fmt.Sprint(err)
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w; its log ends with:\n%s", c.name, err, endOf(f.log(c.name)))
	}
	return nil
}

// log returns the file of a controller's log.
func (f *Flux) log(name string) string { return f.data(name) + ".log" }

// Restart stops all controllers and starts them again, with the data that they had, and with
// further flags until the next restart, as a change of their Deployments does.
func (f *Flux) Restart(ctx context.Context, flags ...string) error {
	f.flags = flags
	return errors.Join(f.halt(), f.forEach(func(c *fluxController) error { return f.startOne(ctx, c) }))
}

// EmptyImageReflector restarts image-reflector-controller without the tags that it has
// found, as it is after its Pod has moved to another node.
func (f *Flux) EmptyImageReflector(ctx context.Context) error {
	i := slices.IndexFunc(f.controllers, func(c *fluxController) bool { return c.name == imageReflectorController })
	c := f.controllers[i]
	if err := errors.Join(c.stop(), os.RemoveAll(f.data(c.name))); err != nil {
		return err
	}
	return f.startOne(ctx, c)
}

// Stop ends the controllers and removes their data.
func (f *Flux) Stop() error {
	if err := errors.Join(f.halt(), os.RemoveAll(f.folder)); err != nil {
		return fmt.Errorf("stopping Flux: %w", err)
	}
	return nil
}

// halt ends the controllers. One that has ended before is an error, with the end of its log.
func (f *Flux) halt() error {
	return f.forEach(func(c *fluxController) error {
		if err := c.stop(); err != nil {
			return fmt.Errorf("%w; its log ends with:\n%s", err, endOf(f.log(c.name)))
		}
		return nil
	})
}

func (c *fluxController) stop() error {
	if c.process == nil {
		return nil
	}
	p := c.process
	c.process = nil
	if !p.IsRunning() {
		return p.Failure()
	}
	return p.Stop()
}

// forEach calls a function for every controller, and returns all errors.
func (f *Flux) forEach(call func(*fluxController) error) error {
	var errs []error
	for _, c := range f.controllers {
		errs = append(errs, call(c))
	}
	return errors.Join(errs...)
}
