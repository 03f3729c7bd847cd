package local

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
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
	inDefault := []string{"prove-by-pods", "read-charts", "read-workloads"}
	for _, component := range components {
		if name := component.Name(); !slices.Contains(inDefault, name) {
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
	for _, object := range built.Resources() {
		if namespace := object.GetNamespace(); namespace != "another" && namespace != "" {
			t.Errorf("%s %s is in %s", object.GetKind(), object.GetName(), namespace)
		}
		if object.GetKind() == "Namespace" && object.GetName() != "another" {
			t.Errorf("the Namespace is %s", object.GetName())
		}
		subjects += checkSubjects(t, object)
		if object.GetKind() == "Deployment" {
			checkFlag(t, object, "--create-missing-helm-charts")
		}
	}
	if subjects < 6 {
		t.Errorf("there are %d subjects", subjects)
	}
}

// checkFlag checks that a component has given the container of a Deployment a flag.
func checkFlag(t *testing.T, object *resource.Resource, flag string) {
	t.Helper()
	if text, err := object.AsYAML(); err != nil || !strings.Contains(string(text), "- "+flag+"\n") {
		t.Errorf("there is no %s: %v, %s", flag, err, text)
	}
}

// checkSubjects checks those of a binding, and returns how many there are.
func checkSubjects(t *testing.T, object *resource.Resource) int {
	t.Helper()
	fields, err := object.Map()
	if err != nil {
		t.Fatal(err)
	}
	list, _ := fields["subjects"].([]any)
	for _, subject := range list {
		if s, ok := subject.(map[string]any); !ok || s["kind"] == "ServiceAccount" && s["namespace"] != "another" {
			t.Errorf("%s %s is bound to %v", object.GetKind(), object.GetName(), subject)
		}
	}
	return len(list)
}
