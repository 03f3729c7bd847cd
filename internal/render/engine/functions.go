package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

// maxIncludes is how often a template may be included in itself, as Helm has it.
const maxIncludes = 1000

var errTooDeep = errors.New("included in itself too often")

// refusal is the error of a template that refuses its values, with what it says of that.
type refusal string

func (r refusal) Error() string { return string(r) }

// describe returns the error of a file that failed with a refusal as reformatExecErrorMsg in Helm's pkg/engine does.
func (r refusal) describe(failure error) error {
	location := strings.SplitN(failure.Error(), ": ", 3)[1] // behind the word template
	return fmt.Errorf("execution error at (%s): %w", location, r)
}

// newSet returns an empty set of templates.
func newSet() *template.Template {
	set := template.New("gotpl").Option("missingkey=zero").Funcs(functions())
	addIncludes(set)
	return set
}

// functions are those of Helm's engine: funcMap and initFunMap in its pkg/engine. Those that few charts use are not
// there: the ones of TOML, durations, mustToYaml and toYamlPretty. toJson and mustToJson are sprig's, which do the same.
var functions = sync.OnceValue(func() template.FuncMap { //nolint:gochecknoglobals // nothing changes them
	f := sprig.TxtFuncMap()
	for _, readsProcess := range []string{"env", "expandenv"} {
		delete(f, readsProcess)
	}
	f["toYaml"], f["fromYaml"], f["fromYamlArray"] = toYAML, toMap(unmarshalYAML), toList(unmarshalYAML)
	f["fromJson"], f["fromJsonArray"] = toMap(json.Unmarshal), toList(json.Unmarshal)
	f["required"], f["fail"] = required, fail
	f["include"], f["tpl"] = fail, fail // each set has its own
	f["lookup"] = func(_, _, _, _ string) map[string]any { return map[string]any{} }
	f["getHostByName"] = func(string) string { return "" }
	return f
})

// builtins are the names of the functions that text/template has itself.
func builtins() map[string]any {
	names := map[string]any{}
	for _, name := range []string{
		"and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println", "urlquery",
		"eq", "ge", "gt", "le", "lt", "ne",
	} {
		names[name] = true
	}
	return names
}

// addIncludes adds the functions that use the set itself, for one rendering.
func addIncludes(set *template.Template) { addCounted(set, map[string]int{}) }

// addCounted adds them with how often each template is being included.
func addCounted(set *template.Template, included map[string]int) {
	set.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			if included[name] > maxIncludes {
				return "", errTooDeep
			}
			included[name]++
			var text strings.Builder
			err := set.ExecuteTemplate(&text, name, data)
			included[name]--
			return text.String(), err
		},
		"tpl": func(source string, data any) (string, error) { return runText(set, included, source, data) },
	})
}

// runText runs a text as a template that knows all others, and may define more for itself.
func runText(set *template.Template, included map[string]int, source string, data any) (string, error) {
	inner, err := set.Clone()
	if err != nil {
		return "", err
	}
	addCounted(inner, included)
	if inner, err = inner.New(set.Name()).Parse(source); err != nil {
		return "", err
	}
	var text strings.Builder
	err = inner.Execute(&text, data)
	return strings.ReplaceAll(text.String(), "<no value>", ""), err
}

func required(why string, value any) (any, error) {
	if value == nil || value == "" {
		return nil, refusal(why)
	}
	return value, nil
}

func fail(why string) (string, error) { return "", refusal(why) }

func toYAML(value any) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func unmarshalYAML(text []byte, into any) error { return yaml.Unmarshal(text, into) }

// toMap returns the function that decodes a map, with the error in it if there is one.
func toMap(unmarshal func([]byte, any) error) func(string) map[string]any {
	return func(text string) map[string]any {
		decoded := map[string]any{}
		if err := unmarshal([]byte(text), &decoded); err != nil {
			decoded["Error"] = err.Error()
		}
		return decoded
	}
}

// toList returns the function that decodes a list, or a list of the error.
func toList(unmarshal func([]byte, any) error) func(string) []any {
	return func(text string) []any {
		decoded := []any{}
		if err := unmarshal([]byte(text), &decoded); err != nil {
			return []any{err.Error()}
		}
		return decoded
	}
}
