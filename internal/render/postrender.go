package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// postRender applies the post-renderers to the documents, as helm-controller's postrender package
// does it: each is a kustomization of its own, with the manifests as its only resource. Where the release does
// not say how hooks are sent, they are in the result with the post-renderers, and without.
func postRender(in *Input, documents []document) ([]document, error) {
	if len(in.PostRenderers) == 0 || len(documents) == 0 {
		return documents, nil
	}
	isHook := func(d document) bool { return d.hook() != nil }
	hooks := slices.DeleteFunc(slices.Clone(documents), func(d document) bool { return !isHook(d) })
	if in.Hooks == HooksSeparate || in.Hooks == HooksUntouched {
		documents = slices.DeleteFunc(slices.Clone(documents), isHook)
	}
	result, err := kustomizeAll(in.PostRenderers, documents)
	switch {
	case err != nil, in.Hooks == HooksCombined:
		return result, err
	case in.Hooks == HooksSeparate:
		hooks, err = kustomizeAll(in.PostRenderers, hooks)
	}
	return append(result, hooks...), err
}

// kustomizeAll applies each post-renderer to what the one before it has left.
func kustomizeAll(renderers []PostRenderer, documents []document) ([]document, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	texts := make([]string, len(documents))
	for i := range documents {
		texts[i] = documents[i].text
	}
	text := strings.Join(texts, "\n---\n")
	for i := range renderers {
		var err error
		if text, err = kustomize(&renderers[i], text); err != nil {
			return nil, fmt.Errorf("postRenderers[%d]: %w", i, err)
		}
	}
	return split(map[string]string{"the post-renderers' result": text})
}

// kustomize applies a post-renderer to manifests.
func kustomize(renderer *PostRenderer, manifests string) (string, error) {
	const resource, file = "helm-output.yaml", "kustomization.yaml"
	kustomization := kustypes.Kustomization{
		TypeMeta:  kustypes.TypeMeta{APIVersion: kustypes.KustomizationVersion, Kind: kustypes.KustomizationKind},
		Resources: []string{resource}, Patches: renderer.Patches, Images: renderer.Images,
	}
	text, err := json.Marshal(kustomization)
	if err != nil {
		return "", err
	}
	files := filesys.MakeFsInMemory()
	if err := files.WriteFile(resource, []byte(manifests)); err != nil {
		return "", err
	}
	if err := files.WriteFile(file, text); err != nil {
		return "", err
	}
	// There is no other file that the kustomization could load.
	kustomizer := krusty.MakeKustomizer(&krusty.Options{
		LoadRestrictions: kustypes.LoadRestrictionsNone, PluginConfig: kustypes.DisabledPluginConfig(),
	})
	result, err := kustomizer.Run(files, ".")
	if err != nil {
		return "", err
	}
	out, err := result.AsYaml()
	return string(out), err
}
