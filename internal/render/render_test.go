package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	kustypes "sigs.k8s.io/kustomize/api/types"
)

// files are the files of a chart; a Chart.yaml with the name app is added if there is none.
type files map[string]string

// chart packs a chart.
func chart(t *testing.T, f files) []byte {
	t.Helper()
	folder := fstest.MapFS{"Chart.yaml": {Data: []byte("apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4.5\"\n")}}
	for name, text := range f {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	archive, err := Pack(folder)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// values encodes values that are written in JSON.
func values(t *testing.T, text string) []byte {
	t.Helper()
	if text == "" {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	encoded, err := EncodeValues(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// pod is a template of a Pod with an image.
func pod(name, image string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\nspec:\n  containers:\n  - {name: main, image: '" + image + "'}\n"
}

// images returns all that stands under image, or in the data of ConfigMaps.
func images(objects []map[string]any) []string {
	var found []string
	var visit func(value any)
	visit = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, field := range value {
				if text, isString := field.(string); isString && key == "image" {
					found = append(found, text)
				}
				if data, isMap := field.(map[string]any); isMap && key == "data" {
					for _, text := range data {
						found = append(found, fmt.Sprint(text))
					}
				}
				visit(field)
			}
		case []any:
			for _, item := range value {
				visit(item)
			}
		}
	}
	for _, object := range objects {
		visit(object)
	}
	slices.Sort(found)
	return found
}

const sub = "apiVersion: v2\nname: %\nversion: 0.1.0\nappVersion: \"7\"\n"

func subchart(name string) string { return strings.ReplaceAll(sub, "%", name) }

func TestRender(t *testing.T) {
	dependencies := "apiVersion: v2\nname: app\nversion: 1.2.3\ndependencies:\n" +
		"- {name: db, version: 0.x, condition: db.enabled}\n" +
		"- {name: cache, version: 0.x, tags: [extras]}\n" +
		"- {name: base, alias: renamed, version: 0.x, import-values: [exported]}\n"
	tree := files{
		"Chart.yaml":                      dependencies,
		"values.yaml":                     "db: {enabled: false}\ntags: {extras: false}\n",
		"templates/app.yaml":              pod("app", "app:{{ .Values.tag }}"),
		"charts/db/Chart.yaml":            subchart("db"),
		"charts/db/templates/db.yaml":     pod("db", "db:{{ .Values.tag | default .Chart.AppVersion }}"),
		"charts/cache/Chart.yaml":         subchart("cache"),
		"charts/cache/templates/x.yaml":   pod("cache", "cache:{{ .Values.global.tag }}"),
		"charts/base/Chart.yaml":          subchart("base"),
		"charts/base/values.yaml":         "exports: {exported: {tag: imported}}\nname: x\n",
		"charts/base/templates/base.yaml": pod("base", "base:{{ .Values.name }}"),
	}
	tests := map[string]struct {
		files  files
		values string
		change func(*Input)
		want   []string
	}{
		"defaults and appVersion": {
			files: files{"values.yaml": "image: {repository: web}\n", "templates/a.yaml": pod("a", "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}")},
			want:  []string{"web:4.5"},
		},
		"values over defaults": {
			files:  files{"values.yaml": "image: {repository: web, tag: a}\n", "templates/a.yaml": pod("a", "{{ .Values.image.repository }}:{{ .Values.image.tag }}")},
			values: `{"image":{"tag":"b"}}`, want: []string{"web:b"},
		},
		"sub-charts that are off":     {files: tree, want: []string{"app:imported", "base:x"}},
		"a condition":                 {files: tree, values: `{"db":{"enabled":true}}`, want: []string{"app:imported", "base:x", "db:7"}},
		"a tag, and a global value":   {files: tree, values: `{"tags":{"extras":true},"global":{"tag":"g"}}`, want: []string{"app:imported", "base:x", "cache:g"}},
		"values of a renamed chart":   {files: tree, values: `{"renamed":{"name":"y"}}`, want: []string{"app:imported", "base:y"}},
		"values under the old name":   {files: tree, values: `{"base":{"name":"y"}}`, want: []string{"app:imported", "base:x"}},
		"an imported value is own":    {files: tree, values: `{"tag":"own"}`, want: []string{"app:own", "base:x"}},
		"numbers as Flux holds them":  {files: files{"templates/a.yaml": pod("a", "a:{{ .Values.tag }}")}, values: `{"tag":20240101}`, want: []string{"a:2.0240101e+07"}},
		"fractions":                   {files: files{"templates/a.yaml": pod("a", "a:{{ .Values.tag }}")}, values: `{"tag":1.10}`, want: []string{"a:1.1"}},
		"numbers in the chart":        {files: files{"values.yaml": "tag: 15\n", "templates/a.yaml": pod("a", "a:{{ .Values.tag }}")}, want: []string{"a:15"}},
		"null removes a default":      {files: files{"values.yaml": "tag: x\n", "templates/a.yaml": pod("a", "a:{{ .Values.tag | default `none` }}")}, values: `{"tag":null}`, want: []string{"a:none"}},
		"several documents in a file": {files: files{"templates/a.yaml": pod("a", "a:1") + "---\n# nothing\n---\n" + pod("b", "b:1")}, want: []string{"a:1", "b:1"}},
		"no notes and no partials":    {files: files{"templates/NOTES.txt": "image: x", "templates/_a.tpl": pod("a", "a:1"), "templates/b.yaml": pod("b", "b:1")}, want: []string{"b:1"}},
		"notes that fail": {
			files: files{"templates/NOTES.txt": "{{ fail `no` }}", "charts/sub/Chart.yaml": subchart("sub"), "charts/sub/templates/NOTES.txt": "{{ fail `no` }}", "templates/b.yaml": pod("b", "b:1")},
			want:  []string{"b:1"},
		},
		"notes that others use": {
			files: files{"templates/NOTES.txt": "{{ define `image` }}b:1{{ end }}image: x", "templates/b.yaml": pod("b", "{{ include `image` . }}")}, want: []string{"b:1"},
		},
		"no space before a document": {files: files{"templates/a.yaml": "\n  " + pod("a", "a:1")}, want: []string{"a:1"}},
		"tpl": {
			files: files{"values.yaml": "image: 'a:{{ .Chart.AppVersion }}'\n", "templates/a.yaml": pod("a", "{{ tpl .Values.image . }}")},
			want:  []string{"a:4.5"},
		},
		"a function that only Helm's engine has": {files: files{"templates/a.yaml": pod("a", `{{ get (fromToml "b = 'a:1'") "b" }}`)}, want: []string{"a:1"}},
		"lookup finds nothing": {
			files: files{"templates/a.yaml": pod("a", `a:{{ if lookup "v1" "Secret" "x" "y" }}found{{ else }}empty{{ end }}`)}, want: []string{"a:empty"},
		},
		"a library chart": {
			files: files{
				"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\ndependencies: [{name: lib, version: 0.x}]\n", "templates/a.yaml": `{{ include "lib.pod" . }}`,
				"charts/lib/Chart.yaml": subchart("lib") + "type: library\n", "charts/lib/templates/_pod.tpl": `{{ define "lib.pod" }}` + pod("a", "a:{{ .Values.tag }}") + `{{ end }}`,
			},
			values: `{"tag":"t"}`, want: []string{"a:t"},
		},
		"name, namespace and install": {
			files: files{"templates/a.yaml": pod("a", "{{ .Release.Namespace }}/{{ .Release.Name }}:{{ .Release.IsInstall }}-{{ .Release.IsUpgrade }}-{{ .Release.Revision }}")},
			want:  []string{"shop/web:false-true-2", "shop/web:true-false-1"},
		},
		"a sub-chart that asks for an upgrade": {
			files: files{
				"charts/sub/Chart.yaml":       subchart("sub"),
				"charts/sub/templates/a.yaml": "{{ if index .Release `IsUpgrade` }}" + pod("a", "a:{{ .Release.Revision }}") + "{{ end }}",
			},
			want: []string{"a:2"},
		},
		"what cannot be upgraded": {
			files: files{"templates/a.yaml": pod("a", "a:{{ .Release.Revision }}") + "{{ if .Release.IsUpgrade }}{{ fail `no` }}{{ end }}"},
			want:  []string{"a:1"},
		},
		"upgrade": {
			files:  files{"templates/a.yaml": pod("a", "a:{{ .Release.Revision }}")},
			change: func(in *Input) { in.IsUpgrade = true }, want: []string{"a:2"},
		},
		"the cluster's version": {
			files:  files{"templates/a.yaml": pod("a", "a:{{ .Capabilities.KubeVersion.Version }}-{{ .Capabilities.KubeVersion.Minor }}")},
			change: func(in *Input) { in.KubeVersion = "1.30.1" }, want: []string{"a:v1.30.1-30"},
		},
		"the default version": {files: files{"templates/a.yaml": pod("a", "a:{{ .Capabilities.KubeVersion.Version }}")}, want: []string{"a:" + DefaultKubeVersion}},
		"the cluster's APIs": {
			files:  files{"templates/a.yaml": pod("a", `a:{{ .Capabilities.APIVersions.Has "x.io/v1" }}-{{ .Capabilities.APIVersions.Has "apps/v1" }}-{{ .Capabilities.APIVersions.Has "y.io/v1" }}`)},
			change: func(in *Input) { in.APIVersions = []string{"x.io/v1"} }, want: []string{"a:true-false-false"},
		},
		"without a cluster": {
			files:  files{"templates/a.yaml": pod("a", `a:{{ .Capabilities.APIVersions.Has "x.io/v1" }}-{{ .Capabilities.APIVersions.Has "apps/v1" }}-{{ .Capabilities.APIVersions.Has "y.io/v1" }}`)},
			change: func(in *Input) { in.APIVersions = KubernetesAPIs("x.io/v1") }, want: []string{"a:true-true-false"},
		},
		"with and without the APIs that it defines": {
			files: files{
				"crds/a.yaml":            crd("x.io", "X", "v1") + "---\n" + crd("y.io", "Y", "v2") + "---\nkind: Pod\n",
				"charts/sub/Chart.yaml":  "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
				"charts/sub/crds/a.yaml": crd("sub.io", "X", "v1"),
				"templates/a.yaml":       pod("a", `a:{{ range list "x.io/v1" "x.io/v1/X" "x.io/v0" "y.io/v2/Y" "sub.io/v1" "apps/v1" }}{{ $.Capabilities.APIVersions.Has . }}-{{ end }}`),
			},
			want: []string{"a:false-false-false-false-false-true-", "a:true-true-false-true-true-true-"},
		},
		"with APIs that it defines, on which it insists": {
			files: files{"crds/a.yaml": crd("x.io", "X", "v1"), "templates/a.yaml": pod("a", `a:{{ if .Capabilities.APIVersions.Has "x.io/v1" }}1{{ else }}{{ fail "no X" }}{{ end }}`)},
			want:  []string{"a:1"},
		},
		"with APIs that it defines, and fails with": {
			files: files{"crds/a.yaml": crd("x.io", "X", "v1"), "templates/a.yaml": pod("a", `a:{{ if .Capabilities.APIVersions.Has "x.io/v1" }}{{ fail "X" }}{{ else }}1{{ end }}`)},
			want:  []string{"a:1"},
		},
		"with APIs that it defines, and that are served": {
			files:  files{"crds/a.yaml": crd("x.io", "X", "v1"), "templates/a.yaml": pod("a", `a:{{ .Capabilities.APIVersions.Has "x.io/v1" }}`)},
			change: func(in *Input) { in.APIVersions = []string{"x.io/v1", "x.io/v1/X"} }, want: []string{"a:true"},
		},
		"hooks, but no tests": {
			files: files{
				"templates/a.yaml": strings.Replace(pod("a", "a:1"), "name: a\n", "name: a\n  annotations: {helm.sh/hook: 'pre-install,post-upgrade'}\n", 1),
				"templates/b.yaml": strings.Replace(pod("b", "b:1"), "name: b\n", "name: b\n  annotations: {helm.sh/hook: test}\n", 1),
				"templates/c.yaml": strings.Replace(pod("c", "c:1"), "name: c\n", "name: c\n  annotations: {helm.sh/hook: 'test, post-install'}\n", 1),
			},
			want: []string{"a:1", "c:1"},
		},
		"tests": {
			files:  files{"templates/b.yaml": strings.Replace(pod("b", "b:1"), "name: b\n", "name: b\n  annotations: {helm.sh/hook: test-success}\n", 1)},
			change: func(in *Input) { in.Tests = true }, want: []string{"b:1"},
		},
		"no objects of the folder crds": {files: files{"crds/a.yaml": pod("a", "a:1"), "templates/b.yaml": pod("b", "b:1")}, want: []string{"b:1"}},
		"valuesFiles replace the chart's": {
			files: files{
				"values.yaml": "a: chart\nb: chart\n", "one.yaml": "b: one\nc: one\n", "envs/two.yaml": "c: two\n",
				"templates/a.yaml": pod("a", "{{ .Values.a | default `none` }}:{{ .Values.b }}-{{ .Values.c }}-{{ .Values.d }}"),
			},
			values: `{"d":"own"}`, change: func(in *Input) { in.ValuesFiles = []string{"one.yaml", "./envs/two.yaml"} }, want: []string{"none:one-two-own"},
		},
		"missing valuesFiles": {
			files:  files{"one.yaml": "b: one\n", "templates/a.yaml": pod("a", "a:{{ .Values.b }}")},
			change: func(in *Input) { in.ValuesFiles, in.IgnoreMissingValuesFiles = []string{"x.yaml", "one.yaml"}, true }, want: []string{"a:one"},
		},
		"a key twice":            {files: files{"templates/a.yaml": "metadata: {labels: {a: x, a: y}}\nimage: a:1\nimage: a:2\n"}, want: []string{"a:2"}},
		"no schema validation":   {files: files{"values.schema.json": `{"required":["x"]}`, "templates/a.yaml": pod("a", "a:1")}, want: []string{"a:1"}},
		"what .helmignore names": {files: files{".helmignore": "b.yaml\nskip/\n", "templates/a.yaml": pod("a", "a:1"), "templates/b.yaml": "{{ fail `b` }}", "skip/x": "x"}, want: []string{"a:1"}},
	}
	var charts Charts // what one release does to a chart does not show in the next one
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := &Input{Archive: chart(t, test.files), Values: values(t, test.values), ReleaseName: "web", Namespace: "shop"}
			if test.change != nil {
				test.change(in)
			}
			for range 2 {
				rendered, err := charts.RenderAll(in)
				if err != nil {
					t.Fatal(err)
				}
				if got := images(rendered.Objects); !slices.Equal(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
			}
		})
	}
}

// What Helm's --set syntax made an integer is printed as one.
func TestRenderKeepsIntegers(t *testing.T) {
	encoded, err := EncodeValues(map[string]any{"a": int64(20240101), "b": json.Number("20240101")})
	if err != nil {
		t.Fatal(err)
	}
	in := &Input{Archive: chart(t, files{"templates/a.yaml": pod("a", "{{ .Values.a }}:{{ .Values.b }}")}), Values: encoded}
	rendered, err := new(Charts).Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if got := images(rendered.Objects); !slices.Equal(got, []string{"20240101:2.0240101e+07"}) {
		t.Error(got)
	}
}

func TestRenderRefuses(t *testing.T) {
	tests := map[string]struct {
		files  files
		change func(*Input)
		want   string
	}{
		"required": {files: files{"templates/a.yaml": pod("a", `{{ required "give .image" .Values.image }}`)}, want: "give .image"},
		"fail":     {files: files{"templates/a.yaml": `{{ fail "not so" }}`}, want: "not so"},
		"values that templates change": {
			files: files{"values.yaml": "map: {n: 0}\n", "templates/z.yaml": `{{ $_ := set .Values.map "n" (add1 .Values.map.n) }}`, "templates/a.yaml": `{{ fail (printf "not %v" .Values.map.n) }}`},
			want:  "app/templates/a.yaml:1:3): not 1",
		},
		"a template's error": {
			files: files{"templates/a.yaml": "{{ .Values.a.b.c }}"}, want: "app/templates/a.yaml:1",
		},
		"a template that is none":  {files: files{"templates/a.yaml": "{{ if }}"}, want: "app/templates/a.yaml:1"},
		"output that is no YAML":   {files: files{"templates/a.yaml": "a: 1\nb: [\n"}, want: "app/templates/a.yaml renders what is not YAML: see its line"},
		"output that is no object": {files: files{"templates/a.yaml": "- a\n- b\n"}, want: "app/templates/a.yaml renders what is not an object"},
		"too much output":          {files: files{"templates/a.yaml": "# {{ repeat 34000000 `x` }}"}, want: "bytes of manifests"},
		"another Kubernetes":       {files: files{"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\nkubeVersion: '<1.20'\n"}, want: "wants Kubernetes <1.20, not v1.37.2"},
		"a library":                {files: files{"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\ntype: library\n"}, want: "type library cannot be installed"},
		"a missing file":           {files: files{"a.yaml": ""}, change: func(in *Input) { in.ValuesFiles = []string{"../b.yaml"} }, want: "no file ../b.yaml"},
		"values.yaml":              {files: files{"values.yaml": "a: ["}, want: "values.yaml"},
		"no archive":               {change: func(in *Input) { in.Archive = []byte("apiVersion: v2\n") }, want: "not an archive"},
		"a damaged archive":        {change: func(in *Input) { in.Archive = in.Archive[:len(in.Archive)/2] }, want: "damaged"},
		"an unknown strategy":      {change: func(in *Input) { in.Hooks = "x" }, want: `postRenderStrategy "x"`},
		"a version that is none":   {change: func(in *Input) { in.KubeVersion = "x" }, want: `"x"`},
		"a post-renderer that fails": {files: files{"templates/a.yaml": pod("a", "a:1")}, change: func(in *Input) {
			in.PostRenderers = []PostRenderer{{Patches: []kustypes.Patch{{Patch: pod("b", "b:1")}}}}
		}, want: "postRenderers[0]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := &Input{Archive: chart(t, test.files)}
			if test.change != nil {
				test.change(in)
			}
			_, err := new(Charts).Render(in)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// Dependencies that are enabled and not there are named: Helm leaves them out without a word.
func TestRenderNamesMissingDependencies(t *testing.T) {
	rendered, err := new(Charts).Render(&Input{Archive: chart(t, files{
		"Chart.yaml":  "apiVersion: v2\nname: app\nversion: 1.2.3\ndependencies:\n- {name: gone, version: 1.x}\n- {name: unused, version: 1.x, condition: unused.enabled}\n- {name: sub, version: 0.x}\n",
		"values.yaml": "unused: {enabled: false}\n", "charts/sub/Chart.yaml": subchart("sub") + "dependencies: [{name: inner, version: 1.x}]\n",
	})})
	if err != nil || !slices.Equal(rendered.Missing, []string{"gone", "sub/inner"}) {
		t.Errorf("got %v, %v", rendered, err)
	}
}

func TestDefaults(t *testing.T) {
	identity, got, err := new(Charts).Defaults(&Input{Archive: chart(t, files{
		"Chart.yaml":            "apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4.5\"\ndependencies: [{name: db, version: 0.x}]\n",
		"values.yaml":           "image: {repository: web, tag: ''}\nworkers: [{repository: w}]\ntagged: {repository: t, tag: own}\n",
		"charts/db/Chart.yaml":  subchart("db"),
		"charts/db/values.yaml": "image: {repository: db}\n",
		"templates/a.yaml":      "{{ fail `always` }}",
	}), Values: values(t, `{"image":{"registry":"git.example.com"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"db":{"global":{},"image":{"repository":"db","tag":"7"}},"image":{"registry":"git.example.com","repository":"web","tag":"4.5"},` +
		`"tagged":{"repository":"t","tag":"own"},"workers":[{"repository":"w","tag":"4.5"}]}`
	if string(text) != want || identity != (Chart{"app", "1.2.3", "4.5"}) {
		t.Errorf("got %v %s, want %s", identity, text, want)
	}
}

// crd is a CustomResourceDefinition that serves one version, and has an older one.
func crd(group, kind, version string) string {
	return fmt.Sprintf("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  group: %s\n  names: {kind: %s}\n"+
		"  versions: [{name: v0, served: false}, {name: %s, served: true, schema: {openAPIV3Schema: {type: object}}}]\n", group, kind, version)
}
