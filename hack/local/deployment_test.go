package local

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// A kustomization of a user's own that sets another namespace gets that everywhere: in the bindings,
// too, of config/default and of the components.
func TestAnotherNamespace(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	config, err := filepath.Rel(folder, filepath.Join(root, "config"))
	if err != nil {
		t.Fatal(err)
	}
	components, err := os.ReadDir(filepath.Join(root, "config", "components"))
	if err != nil {
		t.Fatal(err)
	}
	text := "namespace: another\nresources:\n- " + config + "/default\ncomponents:\n"
	for _, component := range components {
		if name := component.Name(); name != "prove-by-pods" && name != "read-workloads" { // config/default has these
			text += "- " + config + "/components/" + name + "\n"
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	subjects := 0
	for _, resource := range built.Resources() {
		if namespace := resource.GetNamespace(); namespace != "another" && namespace != "" {
			t.Errorf("%s %s is in %s", resource.GetKind(), resource.GetName(), namespace)
		}
		if resource.GetKind() == "Namespace" && resource.GetName() != "another" {
			t.Errorf("the Namespace is %s", resource.GetName())
		}
		object, err := resource.Map()
		if err != nil {
			t.Fatal(err)
		}
		list, _ := object["subjects"].([]any)
		for _, subject := range list {
			subjects++
			if s, ok := subject.(map[string]any); !ok || s["namespace"] != "another" {
				t.Errorf("%s %s is bound to %v", resource.GetKind(), resource.GetName(), subject)
			}
		}
	}
	if subjects < 6 {
		t.Errorf("there are %d subjects", subjects)
	}
}
