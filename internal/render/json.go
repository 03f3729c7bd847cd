package render

import (
	"bytes"
	"encoding/json"
	"regexp"
)

// DecodeJSON decodes a text, with numbers as json.Number: as floats, a tag of many digits would become
// another.
func DecodeJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// yamlLine is where a YAML parser's error is. The rest of the error can quote what was
// read.
var yamlLine = regexp.MustCompile(`\bline [0-9]+`)

// NotYAML describes the error of a text that is not YAML, without a word of the text.
func NotYAML(err error) string {
	if line := yamlLine.FindString(err.Error()); line != "" {
		return "is not YAML: see its " + line
	}
	return "is not YAML"
}
