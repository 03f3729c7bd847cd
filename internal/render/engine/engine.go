// Package engine is Helm's template engine for charts that many releases share: each file is parsed once.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// ErrUnknown is the error where only Helm's own engine knows what is rendered: of functions that this one does not
// have, and of all failures but those that a template asks for.
var ErrUnknown = errors.New("only known to Helm's own engine")

// Templates are the files of a chart and its sub-charts that were rendered, parsed: Helm's engine parses them anew for
// each release, which is half of its work. The zero value is ready. They must not be used by more than one goroutine at
// a time.
type Templates struct {
	parsed map[namedFile]map[string]*parse.Tree
	// last is the set of the files that were rendered last.
	last      *template.Template
	lastFiles map[string]*common.File
	// size is what parsed takes, about, in bytes.
	size int
	// unknown is why one of the files cannot be parsed here; nil, all can.
	unknown error
}

// namedFile is a file with one of its names: it has another one for each alias of its sub-chart.
type namedFile struct {
	name string
	file *common.File
}

// callParsed is the function that calls a template that was parsed, and call a file that does so with its own.
const (
	callParsed = "call_parsed"
	call       = "{{ " + callParsed + " .Template.Name . }}"
)

// Render returns the texts that Helm's engine renders without a cluster, by the names of their files. Helm decides
// which files are rendered, in which order, and with which values: each of them only calls what was parsed. Templates may
// change the values, also if there is an error. The chart's files must stay as they are.
func (t *Templates) Render(chart *helmchart.Chart, values common.Values) (texts map[string]string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if _, isRefused := errors.AsType[refusal](err); err != nil && !isRefused {
			*t = Templates{unknown: t.unknown} // Helm's engine parses them, too, and needs the memory
			err = fmt.Errorf("%w: %w", ErrUnknown, err)
		}
	}()
	set, err := t.set(chart)
	if err != nil {
		return nil, err
	}
	var failure error
	functions := template.FuncMap{callParsed: func(name string, data any) (string, error) {
		var text strings.Builder
		failure = set.ExecuteTemplate(&text, name, data)
		return text.String(), failure
	}}
	texts, err = helm.Engine{CustomTemplateFuncs: functions}.RenderWithContext(context.Background(), calling(chart), values)
	if refused, isRefused := errors.AsType[refusal](failure); isRefused {
		return nil, refused.describe(failure)
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
	if t.unknown != nil {
		return nil, t.unknown
	}
	files := map[string]*common.File{}
	addFiles(files, chart)
	if t.last != nil && maps.Equal(files, t.lastFiles) {
		addIncludes(t.last)
		return t.last, nil
	}
	set := newSet()
	for _, name := range slices.SortedFunc(maps.Keys(files), deepestFirst) {
		trees, err := t.parse(name, files[name])
		if err != nil {
			t.unknown = err
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
	trees, err := parse.Parse(name, string(file.Data), "", "", functions(), builtins())
	if err != nil {
		return nil, err
	}
	if t.parsed == nil {
		t.parsed = map[namedFile]map[string]*parse.Tree{}
	}
	t.parsed[key] = trees
	t.size += sizeOf(file.Data)
	return trees, nil
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
