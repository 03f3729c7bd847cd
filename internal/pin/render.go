package pin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// Lines returns the pins of a report in the form of registry-pins.txt.
func Lines(r *v1alpha1.PinReport) string {
	return text(each(r.Pins, func(p *v1alpha1.Pin) string { return p.Pin }))
}

// Images returns the images of a report in the form of images.txt.
func Images(r *v1alpha1.PinReport) string {
	return text(each(r.Pins, func(p *v1alpha1.Pin) string { return p.Image }))
}

// each returns a field of every pin.
func each(pins []v1alpha1.Pin, field func(*v1alpha1.Pin) string) []string {
	fields := make([]string, len(pins))
	for i := range pins {
		fields[i] = field(&pins[i])
	}
	return fields
}

// text lists lines: sorted, unique, without those that are empty.
func text(lines []string) string {
	var b strings.Builder
	for _, line := range sortedSet(lines) {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// JSON returns the report as JSON on many lines, for people to read.
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

// errPin is what a pin is.
var errPin = errors.New("want type/name==version, such as container/app==1.0")

// Check returns an error unless s is a pin.
func Check(s string) error {
	name, tag, found := strings.Cut(s, "==")
	kind, path, hasName := strings.Cut(name, "/")
	if !found || !hasName {
		return fmt.Errorf("%q is not a pin: %w", s, errPin)
	}
	if err := CheckType(kind); err != nil {
		return fmt.Errorf("%q is not a pin: %w", s, err)
	}
	if normal, err := image.ParsePath(path); err != nil || normal != path {
		return fmt.Errorf("%q is not a pin: %q is not a package's name", s, path)
	}
	if err := image.CheckTag(tag); err != nil {
		return fmt.Errorf("%q is not a pin: %w", s, err)
	}
	return nil
}

// CheckType returns an error unless s can be the first part of a pin.
func CheckType(s string) error {
	if !regexp.MustCompile(`^[a-z0-9]+$`).MatchString(s) {
		return fmt.Errorf("%q is not a type of package, want a-z 0-9, such as container", s)
	}
	return nil
}
