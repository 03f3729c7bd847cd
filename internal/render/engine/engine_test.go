package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime"
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
		"every builtin":          one(`{{ if and (not false) (or true) (eq 1 1) (ne 1 2) (lt 1 2) (le 1 1) (gt 2 1) (ge 1 1) }}{{ index .Values.list 0 }}{{ slice .Values.list 1 }}{{ len "a" }}{{ print 1 }}{{ printf "%d" 1 }}{{ println 1 }}{{ html "<" }}{{ js "'" }}{{ urlquery "/" }}{{ end }}{{ if false }}{{ call .f }}{{ end }}`),
		"break and continue":     one(`{{ range .Values.list }}{{ if eq (toString .) "a" }}{{ continue }}{{ end }}{{ . }}{{ break }}{{ end }}`),
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			chart := files.chart("app", "")
			want, err := helm.Engine{}.RenderWithContext(context.Background(), chart, valuesOf(t, chart))
			if err != nil {
				t.Fatal(err)
			}
			var templates Templates
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
	var templates Templates
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

// What a template refuses is refused as by Helm's engine; of all other failures that has the answer.
func TestRefused(t *testing.T) {
	tests := map[string]struct {
		files     files
		isRefused bool
	}{
		"required":               {one(`{{ required "no" .Values.empty }}`), true},
		"required, and missing":  {one("\n  {{ required \"no: 1\" .Values.none }}"), true},
		"fail":                   {one(`{{ fail "no" }}`), true},
		"a failure in tpl":       {one(`{{ tpl "{{ fail \"no\" }}" . }}`), true},
		"a failure in includes":  {files{"templates/_a.tpl": `{{ define "x" }}{{ include "y" . }}{{ end }}{{ define "y" }}{{ fail "no" }}{{ end }}`, "templates/a.yaml": "a\n{{ include \"x\" . }}"}, true},
		"no such template":       {one(`{{ include "none" . }}`), false},
		"no such function":       {one(`{{ if false }}{{ none }}{{ end }}`), false},
		"of the process":         {one(`{{ env "PATH" }}`), false},
		"no template":            {one(`{{ if }}`), false},
		"no template in tpl":     {one(`{{ tpl "{{ if }}" . }}`), false},
		"a value that is no map": {one(`{{ .Values.text.more }}`), false},
		"endless includes":       {files{"templates/_a.tpl": `{{ define "x" }}{{ include "x" . }}{{ end }}`, "templates/a.yaml": `{{ include "x" . }}`}, false},
		"one include too many":   {files{"templates/_a.tpl": `{{ define "x" }}{{ if lt . 1001 }}{{ include "x" (add1 .) }}{{ end }}.{{ end }}`, "templates/a.yaml": `{{ include "x" 0 }}`}, false},
		"endless tpl":            {files{"templates/_a.tpl": `{{ define "x" }}{{ tpl "{{ include \"x\" . }}" . }}{{ end }}`, "templates/a.yaml": `{{ include "x" . }}`}, false},
		"JSON that is not":       {one(`{{ mustFromJson "[" }}`), false},
		"a panic":                {one(`{{ atoi "1" | repeat -1 }}`), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			chart := test.files.chart("app", "")
			_, want := helm.Engine{}.RenderWithContext(context.Background(), chart, valuesOf(t, chart))
			if want == nil {
				t.Fatal("Helm's engine refuses nothing")
			}
			var templates Templates
			for range 2 {
				_, err := templates.Render(chart, valuesOf(t, chart))
				switch {
				case err == nil, errors.Is(err, ErrUnknown) == test.isRefused:
					t.Errorf("got %v, Helm's %v", err, want)
				case test.isRefused && err.Error() != want.Error():
					t.Errorf("got %q, want %q", err, want)
				case !test.isRefused && templates.Size() != 0:
					t.Errorf("%d bytes are kept", templates.Size())
				}
			}
		})
	}
}

// Functions that only Helm's engine has.
func TestUnknown(t *testing.T) {
	for _, text := range []string{`{{ toToml .Values }}`, `{{ durationSeconds "1m" }}`, `{{ toYamlPretty .Values }}`, `{{ tpl "{{ toToml .Values }}" . }}`} {
		chart := one(text).chart("app", "")
		if got, err := new(Templates).Render(chart, valuesOf(t, chart)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
	}
}

// What templates take is not much more than Size says, whatever they are of.
func TestSize(t *testing.T) {
	dense := func(part string) string {
		return `{{ define "x" }}{{ list ` + strings.Repeat(part, 200_000/len(part)) + ` }}{{ end }}`
	}
	aliases := files{}.chart("app", "")
	shared := []*common.File{{Name: "templates/_a.yaml", Data: []byte(strings.Repeat("{{ .Values.a }}\n", 1000))}}
	for i := range 20 {
		sub := files{}.chart(fmt.Sprint("sub", i), "")
		sub.Templates = shared
		aliases.AddDependency(sub)
	}
	many := files{}
	for i := range 100 {
		many[fmt.Sprintf("templates/%d.yaml", i)] = "a: {{ .Values.own }}\n"
	}
	for name, chart := range map[string]*helmchart.Chart{
		"numbers": one(dense(" 1")).chart("app", ""), "dots": one(dense(" .")).chart("app", ""), "fields": one(dense(" .a")).chart("app", ""),
		"pipes": one(dense("|len")).chart("app", ""), "piped fields": one(dense("|.a")).chart("app", ""), "parentheses": one(dense(" (.)")).chart("app", ""),
		"texts": one(dense(` "a"`)).chart("app", ""), "variables": one(`{{ $a := 1 }}`+strings.Repeat("{{$a}}", 20_000)).chart("app", ""),
		"text": one(strings.Repeat("text\n", 50_000)).chart("app", ""), "comments": one(strings.Repeat("{{- /* a comment of words */ -}}\n", 5_000)).chart("app", ""),
		"aliases": aliases, "many files": many.chart("app", ""),
	} {
		var templates Templates
		before := used()
		_, _ = templates.Render(chart, valuesOf(t, chart)) // parsed all the same
		if _, err := templates.set(chart); err != nil {
			t.Fatal(err)
		}
		if kept := used() - before; kept > templates.Size()*5/4 {
			t.Errorf("%s: %d bytes are kept, %d counted", name, kept, templates.Size())
		}
		runtime.KeepAlive(templates)
	}
}

// used is how many bytes of memory are used.
func used() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// What a rendering counts and defines is not kept for the next one.
func TestNothingOfARenderingIsKept(t *testing.T) {
	chart := one(`{{ range until 100 }}{{ tpl (printf "{{ define %q }}{{ end }}{{ include %q . }}" (print $.Values.name .) (print $.Values.name .)) $ }}{{ end }}`).chart("app", "")
	var templates Templates
	render := func(i int) {
		values := valuesOf(t, chart)
		values["Values"] = common.Values{"name": strings.Repeat(fmt.Sprint(i), 2000)}
		if _, err := templates.Render(chart, values); err != nil {
			t.Fatal(err)
		}
	}
	render(0)
	before := used()
	for i := range 20 {
		render(i)
	}
	if kept := used() - before; kept > 1<<20 {
		t.Errorf("20 more renderings have left %d bytes", kept)
	}
	runtime.KeepAlive(templates)
}

// A function that Helm does not have would render what Helm refuses.
func TestFunctionsAreHelms(t *testing.T) {
	for name := range functions() {
		chart := one("{{ if false }}{{ "+name+" }}{{ end }}").chart("app", "")
		if _, err := (helm.Engine{}).RenderWithContext(context.Background(), chart, valuesOf(t, chart)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
