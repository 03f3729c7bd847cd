package main

import (
	"fmt"
	"os"
	"strings"
)

// loadPins reads a file of pins: type/name==version, one per line, with blank lines and
// comments. Pins of other types than container are ignored.
func loadPins(name string) (map[version]bool, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the file that the user named
	if err != nil {
		return nil, err
	}
	pins := map[version]bool{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		left, right, hasVersion := strings.Cut(line, "==")
		kind, image, hasType := strings.Cut(left, "/")
		if !hasVersion || !hasType || kind == "" || image == "" || right == "" {
			return nil, fmt.Errorf("%s: %q is not of the form type/name==version", name, line)
		}
		if kind == "container" {
			pins[version{image, right}] = true
		}
	}
	return pins, nil
}
