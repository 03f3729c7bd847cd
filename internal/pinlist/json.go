package pinlist

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// JSON returns a report as indented JSON, for people to read.
func JSON(r *v1alpha1.PinReport) (string, error) {
	e := newEncoder()
	e.encoder.SetIndent("", "  ")
	return e.encode(r) + "\n", e.err
}

// encoder encodes values as JSON until there is an error.
type encoder struct {
	buffer  bytes.Buffer
	encoder *json.Encoder
	err     error
}

func newEncoder() *encoder {
	e := &encoder{}
	e.encoder = json.NewEncoder(&e.buffer)
	e.encoder.SetEscapeHTML(false)
	return e
}

func (e *encoder) encode(value any) string {
	e.buffer.Reset()
	if err := e.encoder.Encode(value); err != nil && e.err == nil {
		e.err = fmt.Errorf("encoding the report: %w", err)
	}
	return strings.TrimSuffix(e.buffer.String(), "\n")
}
