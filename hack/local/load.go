package local

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/internal/manifest"
)

// Load creates the objects of a manifest file or folder, Namespaces first, and sets the
// status in their manifests.
func Load(ctx context.Context, c client.Client, path string) error {
	var objects []manifest.Object
	_, err := manifest.ReadPath(path, nil, func(object manifest.Object) error {
		switch object.Kind {
		case "Kustomization":
		case "Namespace":
			objects = slices.Insert(objects, 0, object)
		default:
			objects = append(objects, object)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := create(ctx, c, object); err != nil {
			return fmt.Errorf("%s: %w", object.Source, err)
		}
	}
	return nil
}

func create(ctx context.Context, c client.Client, object manifest.Object) error {
	loaded := &unstructured.Unstructured{}
	if err := loaded.UnmarshalJSON(object.Raw); err != nil {
		return err
	}
	status, hasStatus := loaded.Object["status"]
	if err := c.Create(ctx, loaded); err != nil || !hasStatus {
		return err
	}
	loaded.Object["status"] = status
	return c.Status().Update(ctx, loaded)
}
