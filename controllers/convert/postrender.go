package convert

import (
	"errors"
	"fmt"
	"path"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"sigs.k8s.io/yaml"
)

// addPostRenderers adds the images that a release's post-renderers put in the
// place of others, and what they patch into the chart's manifests.
func (r *reading) addPostRenderers(renderers []helmv2.PostRenderer) {
	for i, renderer := range renderers {
		if renderer.Kustomize == nil {
			continue
		}
		field := fmt.Sprintf("spec.postRenderers[%d].kustomize", i)
		for j, image := range renderer.Kustomize.Images {
			name := image.NewName
			if name == "" {
				name = image.Name
			}
			r.add(fmt.Sprintf("%s.images[%d]", field, j),
				map[string]any{"repository": name, "tag": image.NewTag, "digest": image.Digest})
		}
		for j, patch := range renderer.Kustomize.Patches {
			at := fmt.Sprintf("%s.patches[%d]", field, j)
			content, err := patchContent(patch.Patch)
			if err != nil {
				r.miss(at, err)
				continue
			}
			r.add(at, content)
		}
	}
}

// patchContent reads a patch: a strategic merge patch as it is, the operations of
// a JSON patch as the fields that they set.
func patchContent(patch string) (any, error) {
	text, err := yaml.YAMLToJSON([]byte(patch))
	if err != nil {
		return nil, fmt.Errorf("is not YAML: %w", err)
	}
	content, err := decode(text)
	operations, isJSONPatch := content.([]any)
	if !isJSONPatch {
		return content, err
	}
	fields := make([]any, 0, len(operations))
	for _, operation := range operations {
		object, isObject := operation.(map[string]any)
		if !isObject {
			return nil, errors.New("is a list of other things than operations of a JSON patch")
		}
		target, _ := object["path"].(string)
		fields = append(fields, map[string]any{path.Base(target): object["value"]})
	}
	return fields, nil
}
