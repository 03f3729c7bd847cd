package local

import (
	"fmt"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// InstallFlux installs the CustomResourceDefinitions of Flux's kinds: those whose group is
// in groups, or all.
func (c *ControlPlane) InstallFlux(groups ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	paths := []string{filepath.Join(root, "hack", "crds")}
	if len(groups) > 0 {
		paths = nil
	}
	for _, group := range groups {
		found, err := filepath.Glob(filepath.Join(root, "hack", "crds", group+"_*.yaml"))
		if err != nil || len(found) == 0 {
			return fmt.Errorf("no CRDs of %s in hack/crds", group)
		}
		paths = append(paths, found...)
	}
	_, err = envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{Paths: paths, ErrorIfPathMissing: true})
	if err != nil {
		return fmt.Errorf("installing Flux's kinds: %w", err)
	}
	return nil
}
