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
	lines := make([]string, len(r.Pins))
	for i := range r.Pins {
		lines[i] = r.Pins[i].Pin
	}
	return text(lines)
}

// Images returns the images of a report in the form of images.txt.
func Images(r *v1alpha1.PinReport) string {
	images := make([]string, len(r.Pins))
	for i := range r.Pins {
		images[i] = r.Pins[i].Image
	}
	return text(images)
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
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return "", fmt.Errorf("encoding the report: %w", err)
	}
	return b.String(), nil
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
