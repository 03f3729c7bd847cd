package configuration

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// decode reads the file's text strictly: no unknown or repeated field, no value
// of another type.
func decode(data []byte) (*v1alpha1.Configuration, error) {
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, lineError(err.Error())
	}
	raw := &v1alpha1.Configuration{}
	unknown, err := kjson.UnmarshalStrict(text, raw)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return nil, typeError(text, wrongType)
	case err != nil:
		return nil, lineError(err.Error())
	case len(unknown) > 0:
		return nil, unknownFields(unknown)
	}
	return raw, nil
}

// lineError is an error whose message stays on one line.
func lineError(message string) error {
	return errors.New(strings.Join(strings.Fields(message), " "))
}

// unknownFields names the fields that the file has and the configuration has
// not.
func unknownFields(unknown []error) error {
	messages := make([]string, 0, len(unknown))
	for _, err := range unknown {
		messages = append(messages, err.Error())
	}
	return lineError(fmt.Sprintf("%s: the fields are %s, in registries %s, and in hold %s",
		strings.Join(messages, "; "), fieldNames[v1alpha1.Configuration](), fieldNames[v1alpha1.Registry](),
		fieldNames[v1alpha1.HoldConfiguration]()))
}

// typeError names the field whose value has a wrong type, and the value.
func typeError(text []byte, err *json.UnmarshalTypeError) error {
	var document any
	if jsonErr := json.Unmarshal(text, &document); jsonErr != nil {
		return lineError(jsonErr.Error())
	}
	want := map[reflect.Kind]string{
		reflect.String: wantedText(err.Field), reflect.Slice: "a list", reflect.Struct: "an object",
	}[err.Type.Kind()]
	if err.Field == "" {
		return lineError("the file holds " + err.Value + ", want an object with the fields " +
			fieldNames[v1alpha1.Configuration]())
	}
	value := valuesAt(document, strings.Split(err.Field, "."))
	if err.Value == "bool" {
		want += " (YAML reads on, off, yes, no, true and false without quotes as booleans)"
	}
	return lineError(fmt.Sprintf("%s: Invalid value: %s: want %s", err.Field, value, want))
}

// wantedText describes what a field takes whose value is a text.
func wantedText(name string) string {
	for _, c := range choices(&v1alpha1.Configuration{}, &Configuration{}) {
		if c.at.String() == name {
			return fmt.Sprintf("%q or %q", c.byDefault, c.other)
		}
	}
	switch name {
	case "hold.grace", "heartbeat", "renderTimeout":
		return wantedDuration()
	case "renderMemory":
		return wantedMemory
	default:
		return "a string, in quotes"
	}
}

// valuesAt prints the values at a path that leaves out the positions in lists,
// as the JSON decoder's errors do.
func valuesAt(document any, path []string) string {
	switch node := document.(type) {
	case []any:
		var found []string
		for _, item := range node {
			if s := valuesAt(item, path); s != "" {
				found = append(found, s)
			}
		}
		return strings.Join(found, ", ")
	case map[string]any:
		if len(path) > 0 {
			return valuesAt(node[path[0]], path[1:])
		}
	}
	printed, err := json.Marshal(document)
	if err != nil || document == nil {
		return ""
	}
	return string(printed)
}

// fieldNames lists the JSON fields of a struct.
func fieldNames[T any]() string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
