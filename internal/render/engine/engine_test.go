package engine

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	helm "helm.sh/helm/v4/pkg/engine"
)

// files are the templates of a chart by their names. Those of a sub-chart are below charts/NAME.
type files map[string]string

// chart returns a chart with the files below a folder.
func (f files) chart(name, folder string) *helmchart.Chart {
	chart := &helmchart.Chart{
		Metadata: &helmchart.Metadata{Name: name, Version: "1.2.3", APIVersion: "v2", Type: f[path.Join(folder, "type")], Annotations: map[string]string{}},
		Values:   map[string]any{"own": "value of " + name},
		Files:    []*common.File{{Name: "data.txt", Data: []byte("data of " + name)}},
	}
	subs := map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(f)) {
		below, ok := strings.CutPrefix(file, folder)
		if rest, isSub := strings.CutPrefix(below, "charts/"); ok && isSub {
			sub, _, _ := strings.Cut(rest, "/")
			subs[sub] = true
		} else if ok && strings.HasPrefix(below, "templates/") {
			chart.Templates = append(chart.Templates, &common.File{Name: below, Data: []byte(f[file])})
		}
	}
	for _, sub := range slices.Sorted(maps.Keys(subs)) {
		chart.AddDependency(f.chart(sub, folder+"charts/"+sub+"/"))
	}
	return chart
}

// one is a chart with one template.
func one(text string) files { return files{"templates/a.yaml": text} }

// valuesOf returns what the templates of a chart get.
func valuesOf(t *testing.T, chart *helmchart.Chart) common.Values {
	t.Helper()
	values := map[string]any{"text": "x", "list": []any{"a", 1.0}, "map": map[string]any{"b": true, "a": nil}, "empty": ""}
	options := common.ReleaseOptions{Name: "release", Namespace: "space", Revision: 1, IsInstall: true}
	top, err := util.ToRenderValuesWithSchemaValidation(chart, values, options, common.DefaultCapabilities, true)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// Helm's engine renders the same. Every template is rendered twice: the second time it was parsed before.
func TestRender(t *testing.T) {
	tests := map[string]files{
		"values, release, chart, capabilities": one("{{ .Values.own }} {{ .Release.Name }} {{ .Release.IsInstall }} {{ .Chart.Version }} {{ .Chart.IsRoot }} {{ .Capabilities.KubeVersion }}"),
		"a file of the chart":                  one(`{{ .Files.Get "data.txt" }} {{ (.Files.Glob "*").AsConfig }}`),
		"a template's name":                    {"templates/a/b.yaml": "{{ .Template.Name }} {{ .Template.BasePath }}", "templates/c.yaml": `{{ include (print .Template.BasePath "/a/b.yaml") . }}`},
		"missing values":                       one(`{{ .Values.none }}/{{ .Values.map.none }}/{{ .Values.map.a }}/<no value>/{{ .Chart.Annotations.none | quote }}`),
		"partials and blanks":                  {"templates/_a.tpl": "never", "templates/_b/c.yaml": "c", "templates/d.yaml": "", "templates/e.txt": " \n"},
		"the last definition counts": {
			"templates/_a.tpl": `{{ define "x" }}a{{ end }}`, "templates/_b.tpl": `{{ define "x" }}b{{ end }}`, "templates/deep/_c.tpl": `{{ define "x" }}c{{ end }}`,
			"templates/z.yaml": `{{ include "x" . }}{{ template "x" . }}`, "charts/sub/templates/_d.tpl": `{{ define "x" }}d{{ end }}`,
			"charts/sub/templates/z.yaml": `{{ include "x" . }}`,
		},
		"an empty definition does not count":    {"templates/_a.tpl": `{{ define "x" }} {{ end }}`, "templates/_b.tpl": `{{ define "x" }}b{{ end }}`, "templates/z.yaml": `[{{ include "x" . }}]`},
		"a definition named as Helm's template": {"templates/_a.tpl": `{{ define "gotpl" }}a{{ end }}`, "templates/z.yaml": `{{ include "gotpl" . }}{{ tpl "" . }}{{ tpl "b" . }}`},
		"sub-charts": {
			"templates/a.yaml": `{{ .Subcharts.sub.Chart.Name }} {{ include "inner" .Subcharts.sub }}`, "charts/sub/templates/a.yaml": `{{ .Values.own }} {{ .Chart.IsRoot }} {{ .Files.Get "data.txt" }} {{ .Template.Name }}`,
			"charts/sub/templates/_b.tpl": `{{ define "inner" }}{{ .Values.own }}{{ end }}`, "charts/sub/charts/deep/templates/a.yaml": `{{ .Values.own }} {{ .Template.BasePath }}`,
		},
		"a library": {
			"templates/a.yaml": `{{ include "lib" . }}`, "charts/lib/type": "library",
			"charts/lib/templates/_a.tpl": `{{ define "lib" }}of the library{{ end }}`, "charts/lib/templates/b.yaml": `{{ define "lib" }}never{{ end }}{{ fail "never" }}`,
		},
		"values that templates change": {"templates/a.yaml": `{{ .Values.map.b }}{{ $_ := set .Values.map "b" "a" }}`, "templates/b.yaml": `{{ .Values.map.b }}{{ $_ := set .Values.map "b" "b" }}`},
		"includes":                     {"templates/_a.tpl": `{{ define "x" }}{{ if . }}{{ include "x" (rest .) }}.{{ end }}{{ end }}`, "templates/a.yaml": `{{ include "x" (list 1 2 3) | quote }}`},
		"many includes":                {"templates/_a.tpl": `{{ define "x" }}.{{ end }}`, "templates/a.yaml": `{{ range until 1100 }}{{ include "x" . }}{{ end }}`},
		"includes as deep as Helm's":   {"templates/_a.tpl": `{{ define "x" }}{{ if lt . 1000 }}{{ include "x" (add1 .) }}{{ end }}.{{ end }}`, "templates/a.yaml": `{{ include "x" 0 }}`},
		"tpl": {
			"templates/_a.tpl": `{{ define "x" }}outer{{ end }}`,
			"templates/a.yaml": `{{ tpl "{{ .Values.own }} {{ .Values.none }}<no value>" . }} {{ tpl "{{ define \"x\" }}inner{{ end }}{{ include \"x\" . }} {{ tpl \"{{ include \\\"x\\\" . }}\" . }}" . }} {{ include "x" . }} {{ tpl "" . }} {{ tpl " {{- /* */ -}} " . }}{{ tpl "<no value>" . | len }}{{ tpl "{{ .Chart.Annotations.none | quote }}" . }}|{{ tpl "{{ tpl \"\" . }}" . }}`,
		},
		"YAML":                   one(`{{ toYaml .Values }} {{ fromYaml "a: {b: 1}" }} {{ fromYaml "[" }} {{ fromYaml "null" }} {{ fromYamlArray "[1, a]" }} {{ fromYamlArray "a: b" }} {{ fromYamlArray "null" }}`),
		"JSON":                   one(`{{ toJson .Values }} {{ toPrettyJson .Values }} {{ mustToJson .Values.list }} {{ mustFromJson "[1]" }} {{ fromJson "{\"a\": 1.0}" }} {{ fromJson "[" }} {{ fromJson "[]" }} {{ fromJsonArray "[1, {}]" }} {{ fromJsonArray "{}" }}`),
		"what cannot be encoded": one(`[{{ toYaml (float64 "inf") }}{{ toJson (float64 "inf") }}]`),
		"without a cluster":      one(`{{ lookup "v1" "Secret" "x" "y" }} {{ getHostByName "localhost" }}{{ (lookup "v1" "Secret" "x" "y").data }}`),
		"required":               one(`{{ required "no" .Values.text }} {{ required "no" 0 }} {{ required "no" .Values.list }}`),
		"functions of sprig":     one(`{{ .Values.text | upper | b64enc }} {{ dig "c" "d" "none" .Values.map }} {{ semver "1.2.3" }} {{ coalesce nil "x" }}`),
		"every builtin":          one(`{{ if and (not false) (or true) (eq 1 1) (ne 1 2) (lt 1 2) (le 1 1) (gt 2 1) (ge 1 1) }}{{ index .Values.list 0 }}{{ slice .Values.list 1 }}{{ len "a" }}{{ print 1 }}{{ printf "%d" 1 }}{{ println 1 }}{{ html "<" }}{{ js "'" }}{{ urlquery "/" }}{{ end }}`),
		"break and continue":     one(`{{ range .Values.list }}{{ if eq (toString .) "a" }}{{ continue }}{{ end }}{{ . }}{{ break }}{{ end }}`),
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			chart := files.chart("app", "")
			want, err := helm.Engine{}.RenderWithContext(context.Background(), chart, valuesOf(t, chart))
			if err != nil {
				t.Fatal(err)
			}
			templates := New()
			for range 2 {
				got, err := templates.Render(chart, valuesOf(t, chart))
				if err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(got, want) {
					t.Errorf("got\n%q\nwant\n%q", got, want)
				}
			}
		})
	}
}

// A file that several sub-charts share has the name of each.
func TestAliases(t *testing.T) {
	chart := one(`{{ include "charts" . }}`).chart("app", "")
	shared := []*common.File{{Name: "templates/a.yaml", Data: []byte(`{{ define "charts" }}x{{ end }}{{ .Template.Name }}`)}}
	for _, alias := range []string{"one", "two"} {
		sub := files{}.chart(alias, "")
		sub.Templates = shared
		chart.AddDependency(sub)
	}
	templates := New()
	got, err := templates.Render(chart, valuesOf(t, chart))
	want := map[string]string{"app/templates/a.yaml": "x", "app/charts/one/templates/a.yaml": "app/charts/one/templates/a.yaml", "app/charts/two/templates/a.yaml": "app/charts/two/templates/a.yaml"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	// Without one of them, the other is as it was.
	chart.SetDependencies(chart.Dependencies()[1])
	delete(want, "app/charts/one/templates/a.yaml")
	if got, err = templates.Render(chart, valuesOf(t, chart)); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// What Helm refuses is refused, and some of what it does not.
func TestRefused(t *testing.T) {
	tests := map[string]struct {
		files  files
		isHelm bool
	}{
		"required":                   {one(`{{ required "no" .Values.empty }}`), true},
		"required, and missing":      {one(`{{ required "no" .Values.none }}`), true},
		"fail":                       {one(`{{ fail "no" }}`), true},
		"no such template":           {one(`{{ include "none" . }}`), true},
		"no such function":           {one(`{{ if false }}{{ none }}{{ end }}`), true},
		"a variable of the process":  {one(`{{ env "PATH" }}`), true},
		"no template":                {one(`{{ if }}`), true},
		"no template in tpl":         {one(`{{ tpl "{{ if }}" . }}`), true},
		"a failure in tpl":           {one(`{{ tpl "{{ fail \"no\" }}" . }}`), true},
		"a value that is no map":     {one(`{{ .Values.text.more }}`), true},
		"endless includes":           {files{"templates/_a.tpl": `{{ define "x" }}{{ include "x" . }}{{ end }}`, "templates/a.yaml": `{{ include "x" . }}`}, true},
		"one include too many":       {files{"templates/_a.tpl": `{{ define "x" }}{{ if lt . 1001 }}{{ include "x" (add1 .) }}{{ end }}.{{ end }}`, "templates/a.yaml": `{{ include "x" 0 }}`}, true},
		"includes of endless tpl":    {files{"templates/_a.tpl": `{{ define "x" }}{{ tpl "{{ include \"x\" . }}" . }}{{ end }}`, "templates/a.yaml": `{{ include "x" . }}`}, true},
		"JSON that is not":           {one(`{{ mustFromJson "[" }}`), true},
		"a panic":                    {one(`{{ atoi "1" | repeat -1 }}`), true},
		"a function that few charts": {one(`{{ toToml .Values }}`), false},
		"a duration":                 {one(`{{ durationSeconds "1m" }}`), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			chart := test.files.chart("app", "")
			if got, err := New().Render(chart, valuesOf(t, chart)); err == nil {
				t.Errorf("got %q", got)
			}
			if got, err := (helm.Engine{}).RenderWithContext(context.Background(), chart, valuesOf(t, chart)); (err != nil) != test.isHelm {
				t.Errorf("of Helm: got %q, %v", got, err)
			}
		})
	}
}

// A function that Helm does not have would render what Helm refuses.
func TestFunctionsAreHelms(t *testing.T) {
	for name := range newFunctions() {
		chart := one("{{ if false }}{{ "+name+" }}{{ end }}").chart("app", "")
		if _, err := (helm.Engine{}).RenderWithContext(context.Background(), chart, valuesOf(t, chart)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
