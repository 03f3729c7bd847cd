package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// EncodeValues encodes values for Input. Numbers that Flux and Helm hold as floating point,
// which are json.Number here, are marked: templates print them in another way than the integers
// that Helm's --set syntax makes.
func EncodeValues(values map[string]any) ([]byte, error) {
	return json.Marshal(marked(values))
}

// marked returns a value with a fraction or an exponent in every number that is floating point.
func marked(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key := range maps.Keys(value) {
			out[key] = marked(value[key])
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i := range value {
			out[i] = marked(value[i])
		}
		return out
	case json.Number:
		if text := value.String(); !strings.ContainsAny(text, ".eE") {
			return json.Number(text + ".0")
		}
		return value
	default:
		return value
	}
}

// decodeValues decodes what EncodeValues has encoded, with the types that Helm has.
func decodeValues(text []byte) (map[string]any, error) {
	values := map[string]any{}
	if len(text) == 0 {
		return values, nil
	}
	if err := DecodeJSON(text, &values); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	typed(values)
	return values, nil
}

// typed gives the numbers in a value their types in Helm.
func typed(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = typed(value[key])
		}
	case []any:
		for i := range value {
			value[i] = typed(value[i])
		}
	case json.Number:
		if n, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return n
		}
		f, _ := value.Float64() // too large is infinite, as in Helm
		return f
	}
	return value
}
