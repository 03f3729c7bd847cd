// Package engine is Helm's template engine for charts that many releases share: each file is parsed once.
package engine

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"helm.sh/helm/v4/pkg/chart/common"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	helm "helm.sh/helm/v4/pkg/engine"
)

// Templates are the files of a chart and its sub-charts that were rendered, parsed: Helm's engine parses them anew for
// each release, which is half of its work. They must not be used by more than one goroutine at a time.
type Templates struct {
	functions template.FuncMap
	parsed    map[namedFile]map[string]*parse.Tree
	// last is the set of the files that were rendered last.
	last      *template.Template
	lastFiles map[string]*common.File
}

// namedFile is a file with one of its names: it has another one for each alias of its sub-chart.
type namedFile struct {
	name string
	file *common.File
}

// New returns no templates yet.
func New() *Templates {
	return &Templates{functions: newFunctions(), parsed: map[namedFile]map[string]*parse.Tree{}}
}

// call is a file that calls the template that was parsed.
const call = "{{ call_parsed .Template.Name . }}"

// Render returns the texts that Helm's engine renders without a cluster, by the names of their files. Helm decides
// which files are rendered, in which order, and with which values: each of them only calls what was parsed. An error may
// be of this engine alone, because it does not have all of Helm's functions: then Helm's own has the answer. Templates
// may change the values, also if there is an error. The chart's files must stay as they are.
func (t *Templates) Render(chart *helmchart.Chart, values common.Values) (map[string]string, error) {
	set, err := t.set(chart)
	if err != nil {
		return nil, err
	}
	functions := template.FuncMap{"call_parsed": func(name string, data any) (string, error) {
		var text strings.Builder
		err := set.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}}
	texts, err := helm.Engine{CustomTemplateFuncs: functions}.RenderWithContext(context.Background(), calling(chart), values)
	if err != nil {
		t.last = nil // it still counts what was being included
	}
	return texts, err
}

// calling copies a chart and its sub-charts, with files that call what was parsed.
func calling(chart *helmchart.Chart) *helmchart.Chart {
	copied := *chart
	copied.Templates = nil
	for _, file := range chart.Templates {
		if !isPartial(file.Name) {
			copied.Templates = append(copied.Templates, &common.File{Name: file.Name, Data: []byte(call)})
		}
	}
	copied.SetDependencies()
	for _, sub := range chart.Dependencies() {
		copied.AddDependency(calling(sub))
	}
	return &copied
}

// set returns all templates of a chart, as Engine.render in Helm's pkg/engine has them: where several files define one
// of the same name, the last one counts.
func (t *Templates) set(chart *helmchart.Chart) (*template.Template, error) {
	files := map[string]*common.File{}
	addFiles(files, chart)
	if t.last != nil && maps.Equal(files, t.lastFiles) {
		return t.last, nil
	}
	set := newSet(t.functions)
	for _, name := range slices.SortedFunc(maps.Keys(files), deepestFirst) {
		trees, err := t.parse(name, files[name])
		if err != nil {
			return nil, err
		}
		for defined, tree := range trees {
			if _, err := set.AddParseTree(defined, tree); err != nil {
				return nil, err
			}
		}
	}
	t.last, t.lastFiles = set, files
	return set, nil
}

// parse returns the templates in a file by their names.
func (t *Templates) parse(name string, file *common.File) (map[string]*parse.Tree, error) {
	key := namedFile{name, file}
	if trees := t.parsed[key]; trees != nil {
		return trees, nil
	}
	trees, err := parse.Parse(name, string(file.Data), "", "", t.functions, builtins())
	if err == nil {
		t.parsed[key] = trees
	}
	return trees, err
}

// addFiles adds the templates of a chart and its sub-charts by their names, as recAllTpls in Helm's pkg/engine does:
// a library chart only has those that are not rendered themselves.
func addFiles(files map[string]*common.File, chart *helmchart.Chart) {
	for _, sub := range chart.Dependencies() {
		addFiles(files, sub)
	}
	isLibrary := strings.EqualFold(chart.Metadata.Type, "library")
	for _, file := range chart.Templates {
		if !isLibrary || isPartial(file.Name) {
			files[path.Join(chart.ChartFullPath(), file.Name)] = file
		}
	}
}

// isPartial reports whether a template is not rendered itself.
func isPartial(name string) bool { return strings.HasPrefix(path.Base(name), "_") }

// deepestFirst compares names as sortTemplates in Helm's pkg/engine does.
func deepestFirst(a, b string) int {
	return cmp.Or(cmp.Compare(strings.Count(b, "/"), strings.Count(a, "/")), cmp.Compare(b, a))
}
