// Package manifest reads Kubernetes manifests as they lie in files: YAML or JSON,
// many documents to a file, and lists of objects as kubectl prints them. It holds
// one document at a time.
package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// Object is one Kubernetes object.
type Object struct {
	// Source says where it was read, for messages: file, document, and position
	// within a list.
	Source string

	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// Raw is the whole object, as JSON.
	Raw json.RawMessage `json:"-"`
}

// GroupKind returns the object's kind without its version.
func (o *Object) GroupKind() schema.GroupKind {
	return schema.FromAPIVersionAndKind(o.APIVersion, o.Kind).GroupKind()
}

// Read calls take for every object that r holds, in order, those within lists
// one by one. Documents that are empty or are no Kubernetes object, such as a
// chart's values, are passed over. An error of the input names the file, which
// is name, and the document.
func Read(r io.Reader, name string, take func(Object) error) error {
	next := documents(r)
	for number := 1; ; number++ {
		source := fmt.Sprintf("%s: document %d", name, number)
		document, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %s", source, strings.Join(strings.Fields(err.Error()), " "))
		}
		if err := each(source, document, take); err != nil {
			return err
		}
	}
}

// documents returns a function that returns the input's documents as JSON, one a
// call, and io.EOF behind the last. Input that begins with a brace is a stream of
// JSON objects, all else YAML, whose documents may be such streams, too. It may be in
// UTF-16, as some shells write it, and have byte order marks.
func documents(r io.Reader) func() (json.RawMessage, error) {
	isMark := runes.Predicate(func(r rune) bool { return r == '\uFEFF' })
	text := transform.NewReader(r, transform.Chain(unicode.BOMOverride(transform.Nop), runes.Remove(isMark)))
	buffered := bufio.NewReaderSize(text, 1<<16)
	start, _ := buffered.Peek(1 << 10)
	if isJSON(start) {
		return stream(buffered)
	}
	reader := yaml.NewYAMLReader(buffered)
	next := func() (json.RawMessage, error) { return nil, io.EOF }
	return func() (json.RawMessage, error) {
		document, err := next()
		if !errors.Is(err, io.EOF) {
			return document, err
		}
		text, err := reader.Read()
		if err != nil {
			return nil, err
		}
		if isJSON(text) { // or YAML that begins with a brace
			objects := stream(bytes.NewReader(text))
			if document, err := objects(); err == nil {
				next = objects
				return document, nil
			}
		}
		return sigsyaml.YAMLToJSON(text)
	}
}

// stream returns what returns one JSON object after the other.
func stream(r io.Reader) func() (json.RawMessage, error) {
	decoder := json.NewDecoder(r)
	return func() (json.RawMessage, error) {
		var document json.RawMessage
		err := decoder.Decode(&document)
		return document, err
	}
}

// isJSON looks at the first character that is not white space.
func isJSON(start []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(start, " \t\r\n"), []byte("{"))
}

// each calls take for the object in a document, or for every item of the list
// that it is.
func each(source string, document json.RawMessage, take func(Object) error) error {
	object := Object{Source: source, Raw: document}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	var bare []Object
	if json.Unmarshal(document, &bare) == nil && slices.ContainsFunc(bare, isObject) {
		return fmt.Errorf("%s: is a bare list of objects, want them one by one, or in a List as kubectl prints it", source)
	}
	if err := json.Unmarshal(document, &object); err != nil {
		return nil //nolint:nilerr // not an object, so not a Kubernetes object
	}
	if !isObject(object) {
		return nil
	}
	if !strings.HasSuffix(object.Kind, "List") {
		return take(object)
	}
	if err := json.Unmarshal(document, &list); err != nil {
		return fmt.Errorf("%s: %s: %w", source, object.Kind, err)
	}
	for i, item := range list.Items {
		if err := each(fmt.Sprintf("%s: item %d", source, i+1), item, take); err != nil {
			return err
		}
	}
	return nil
}

func isObject(o Object) bool {
	return o.APIVersion != "" && o.Kind != ""
}
