package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// valuesField is where a release's values stand.
const valuesField = "spec.values"

// Source is what is known of a ConfigMap or Secret that values come from.
type Source struct {
	// Data is what it holds; nil where it does not exist.
	Data map[string]string
	// Version changes with the data.
	Version string
	// NotRead is why it is not read, where it is not: then the release does
	// without it.
	NotRead string
}

// Sources looks up a ConfigMap or Secret.
type Sources func(SourceRef) Source

// addValues adds a release's effective values, as Flux's helm-controller computes
// them: the sources in order, then spec.values over all. Where a source cannot be
// had, the others count, and the release says so.
func (r *reading) addValues(c *Contents, sources Sources) {
	values := map[string]any{}
	for i := range c.valuesFrom {
		ref := &c.valuesFrom[i]
		field := fmt.Sprintf("spec.valuesFrom[%d]", i)
		source := sources(c.source(i))
		if source.NotRead != "" {
			r.say(v1alpha1.ReasonValuesNotRead, field, fmt.Errorf("%s %s %s", ref.Kind, ref.Name, source.NotRead))
			continue
		}
		merged, err := mergeSource(values, ref, source.Data)
		if err != nil {
			r.miss(field, fmt.Errorf("%s %s %w", ref.Kind, ref.Name, err))
			continue
		}
		values = merged
	}
	var own any
	if c.values != nil {
		var err error
		if own, err = decode(c.values.Raw); err != nil {
			r.miss(valuesField, err)
		}
	}
	object, isObject := own.(map[string]any)
	if !isObject && own != nil {
		// Helm would refuse them, but an image in them is worth its pin.
		r.add(valuesField, own)
	}
	r.add(valuesField, loader.MergeMaps(values, object))
}

// mergeSource merges a source into values. Only an optional source may be
// missing; its key may not.
func mergeSource(values map[string]any, ref *meta.ValuesReference, data map[string]string) (map[string]any, error) {
	if data == nil {
		if ref.Optional {
			return values, nil
		}
		return nil, errors.New("does not exist")
	}
	text, found := data[ref.GetValuesKey()]
	if !found {
		return nil, fmt.Errorf("has no key %q", ref.GetValuesKey())
	}
	if ref.TargetPath != "" {
		return setPath(values, ref, text)
	}
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("key %q is not YAML: %w", ref.GetValuesKey(), err)
	}
	parsed, err := decode(converted)
	if err != nil {
		return nil, fmt.Errorf("key %q %w", ref.GetValuesKey(), err)
	}
	object, _ := parsed.(map[string]any)
	return loader.MergeMaps(values, object), nil
}

// setPath sets a source's text at the path that the release names, by the rules
// of Helm's --set; a text in quotes is a string whatever is in it.
func setPath(values map[string]any, ref *meta.ValuesReference, text string) (map[string]any, error) {
	set := strvals.ParseInto
	switch {
	case ref.Literal:
		set = strvals.ParseLiteralInto
	case isQuoted(text, "'"), isQuoted(text, `"`):
		text = strings.Trim(text, `'"`)
		set = strvals.ParseIntoString
	}
	if err := set(ref.TargetPath+"="+text, values); err != nil {
		return nil, fmt.Errorf("key %q cannot be set at targetPath %q: %w", ref.GetValuesKey(), ref.TargetPath, err)
	}
	return values, nil
}

func isQuoted(s, quote string) bool {
	return strings.HasPrefix(s, quote) && strings.HasSuffix(s, quote)
}

// decode reads values. Numbers keep the form that they were written in: as floats,
// a tag of many digits would become another. Where they are not an object it returns them all the same, with an error.
func decode(text json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var decoded any
	err := decoder.Decode(&decoded)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // no text is no values
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	switch decoded.(type) {
	case nil, map[string]any:
		return decoded, nil
	case []any:
		return decoded, errors.New("is a list, want an object")
	default:
		return decoded, fmt.Errorf("is %.80s, want an object", bytes.TrimSpace(text))
	}
}
