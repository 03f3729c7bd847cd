package convert

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// addPatches adds what a release's post-renderers patch into the chart's manifests.
func (r *reading) addPatches(renderers []helmv2.PostRenderer) {
	for i, renderer := range renderers {
		if renderer.Kustomize == nil {
			continue
		}
		for j, patch := range renderer.Kustomize.Patches {
			at := fmt.Sprintf("spec.postRenderers[%d].kustomize.patches[%d]", i, j)
			if err := r.addPatch(at, patch.Patch); err != nil {
				r.miss(at, err)
			}
		}
	}
}

// addPatch adds every document of a patch.
func (r *reading) addPatch(at, patch string) error {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(patch)))
	for {
		document, err := documents.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errors.New(render.NotYAML(err))
		}
		content, err := patchContent(document)
		if err != nil {
			return err
		}
		r.add(at, content)
	}
}

// patchContent reads a document of a patch: a strategic merge patch as it is, the
// operations of a JSON patch as the fields that they set.
func patchContent(document []byte) (any, error) {
	text, err := toJSON(document)
	if err != nil {
		return nil, err
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
		fields = append(fields, fieldAt(target, object["value"]))
	}
	return fields, nil
}

// fieldAt is a field at a path of a JSON patch: its last key, and a key for secrets that
// it is below, that of a credential first. What is below stringData is part of a Secret.
func fieldAt(target string, value any) map[string]any {
	field := map[string]any{path.Base(target): value}
	above := strings.Split(path.Dir(target), "/")
	if slices.Contains(above, "stringData") {
		return map[string]any{"kind": "Secret", "stringData": field}
	}
	for _, isSecret := range []func(string) bool{image.IsCredentialKey, image.IsSecretKey} {
		if i := slices.IndexFunc(above, isSecret); i >= 0 {
			return map[string]any{above[i]: field}
		}
	}
	return field
}
