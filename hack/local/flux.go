package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// fluxGroups are the API groups of Flux's kinds, and the modules of hack/flux that have
// their CRDs.
func fluxGroups() map[string]string {
	return map[string]string{
		"source.toolkit.fluxcd.io":    fluxOwner + sourceController,
		"helm.toolkit.fluxcd.io":      fluxOwner + helmController,
		"kustomize.toolkit.fluxcd.io": fluxOwner + kustomizeController,
		"image.toolkit.fluxcd.io":     fluxOwner + imageReflectorController,
	}
}

// fluxOwner is what the paths of Flux's modules begin with.
const fluxOwner = "github.com/fluxcd/"

// InstallFlux installs the CustomResourceDefinitions of Flux's kinds, of some API groups or
// of all. They are those of the versions that hack/flux pins: their modules are downloaded,
// and nothing of them is built.
func (c *ControlPlane) InstallFlux(ctx context.Context, groups ...string) error {
	modules := fluxGroups()
	if len(groups) == 0 {
		groups = slices.Sorted(maps.Keys(modules))
	}
	var paths []string
	for _, group := range groups {
		module, ok := modules[group]
		if !ok {
			return fmt.Errorf("no controller of Flux has the API group %s", group)
		}
		paths = append(paths, module)
	}
	folders, err := download(ctx, "flux", paths...)
	if err != nil {
		return fmt.Errorf("installing Flux's kinds: %w", err)
	}
	for i := range folders {
		folders[i] = filepath.Join(folders[i], "config", "crd", "bases")
	}
	_, err = envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{Paths: folders, ErrorIfPathMissing: true})
	if err != nil {
		return fmt.Errorf("installing Flux's kinds: %w", err)
	}
	return nil
}

// download downloads modules in the versions that a module below hack requires, unless the
// module cache has them, and returns their folders.
func download(ctx context.Context, requiredBy string, modules ...string) (folders []string, err error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "go", append([]string{"mod", "download", "-json"}, modules...)...) //nolint:gosec // modules of this file
	command.Dir = filepath.Join(root, "hack", requiredBy)
	output, err := command.Output()
	answers := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var module struct{ Path, Dir, Error string }
		switch decodeErr := answers.Decode(&module); {
		case errors.Is(decodeErr, io.EOF):
			if err != nil {
				return nil, fmt.Errorf("downloading %s: %w", strings.Join(modules, ", "), err)
			}
			return folders, nil
		case decodeErr != nil:
			return nil, fmt.Errorf("downloading %s: %w", strings.Join(modules, ", "), decodeErr)
		case module.Error != "":
			return nil, fmt.Errorf("downloading %s: %s", module.Path, module.Error)
		}
		folders = append(folders, module.Dir)
	}
}
