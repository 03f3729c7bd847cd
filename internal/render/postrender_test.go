package render

import (
	"slices"
	"strings"
	"testing"

	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
)

// Post-renderers change what was rendered as helm-controller's do, one after the other.
func TestPostRender(t *testing.T) {
	hook := strings.Replace(pod("hook", "app:1"), "name: hook\n", "name: hook\n  annotations: {helm.sh/hook: pre-install}\n", 1)
	archive := chart(t, files{"templates/a.yaml": pod("a", "app:1") + "---\n" + pod("b", "other:1"), "templates/hook.yaml": hook})
	newTag := PostRenderer{Images: []kustypes.Image{{Name: "app", NewName: "git.example.com/app", NewTag: "2"}}}
	sidecar := "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: sidecar, image: 'side:1'}]}\n"
	tests := map[string]struct {
		renderers []PostRenderer
		hooks     HookStrategy
		want      []string
	}{
		"none":                 {want: []string{"app:1", "app:1", "other:1"}},
		"images":               {renderers: []PostRenderer{newTag}, hooks: HooksCombined, want: []string{"git.example.com/app:2", "git.example.com/app:2", "other:1"}},
		"hooks by default":     {renderers: []PostRenderer{newTag}, want: []string{"app:1", "git.example.com/app:2", "git.example.com/app:2", "other:1"}},
		"hooks apart":          {renderers: []PostRenderer{newTag}, hooks: HooksSeparate, want: []string{"git.example.com/app:2", "git.example.com/app:2", "other:1"}},
		"hooks untouched":      {renderers: []PostRenderer{newTag}, hooks: HooksUntouched, want: []string{"app:1", "git.example.com/app:2", "other:1"}},
		"digest":               {hooks: HooksCombined, renderers: []PostRenderer{{Images: []kustypes.Image{{Name: "other", Digest: "sha256:1"}}}}, want: []string{"app:1", "app:1", "other@sha256:1"}},
		"strategic merge":      {hooks: HooksCombined, renderers: []PostRenderer{{Patches: []kustypes.Patch{{Patch: sidecar}}}}, want: []string{"app:1", "app:1", "other:1", "side:1"}},
		"what is renamed next": {hooks: HooksCombined, renderers: []PostRenderer{newTag, {Images: []kustypes.Image{{Name: "git.example.com/app", NewTag: "3"}}}}, want: []string{"git.example.com/app:3", "git.example.com/app:3", "other:1"}},
		"operations and a target": {
			hooks: HooksCombined,
			renderers: []PostRenderer{{Patches: []kustypes.Patch{{
				Patch: "- {op: replace, path: /spec/containers/0/image, value: 'new:1'}\n", Target: &kustypes.Selector{ResId: resid.ResId{Gvk: resid.Gvk{Kind: "Pod"}, Name: "a|b"}},
			}}}},
			want: []string{"app:1", "new:1", "new:1"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rendered, err := new(Charts).Render(&Input{Archive: archive, PostRenderers: test.renderers, Hooks: test.hooks})
			if err != nil {
				t.Fatal(err)
			}
			if got := images(rendered.Objects); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
