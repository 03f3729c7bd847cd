package render

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	yamlv2 "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

// decodeYAML decodes a document as DecodeJSON decodes what sigs.k8s.io/yaml makes of it. What nearly all
// manifests consist of needs no text in between.
func decodeYAML(text []byte) (value any, err error) {
	if err := yamlv2.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	if value, ok := asJSON(value, maxDepth); ok {
		return value, nil
	}
	converted, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	var decoded any
	err = DecodeJSON(converted, &decoded)
	return decoded, err
}

// maxDepth is how deep a value may be nested that needs no text in between: encoding/json has a limit.
const maxDepth = 1000

// asJSON returns what a value would be if it was encoded as JSON and decoded again. It returns false if that
// is not plain; what it was given may have changed then.
func asJSON(value any, depth int) (converted any, ok bool) {
	if depth == 0 {
		return nil, false
	}
	switch value := value.(type) {
	case nil, bool:
		return value, true
	case string:
		return value, utf8.ValidString(value)
	case int:
		return json.Number(strconv.Itoa(value)), true
	case float64:
		text, err := json.Marshal(value)
		return json.Number(text), err == nil
	case []any:
		for i := range value {
			if value[i], ok = asJSON(value[i], depth-1); !ok {
				return nil, false
			}
		}
		return value, true
	case map[any]any:
		object := make(map[string]any, len(value))
		for key, item := range value {
			name, isString := key.(string)
			if object[name], ok = asJSON(item, depth-1); !ok || !isString || !utf8.ValidString(name) {
				return nil, false
			}
		}
		return object, true
	default:
		return nil, false
	}
}
