package main

import (
	"fmt"
	"os"
	"strings"
)

// loadPins reads a file of pins: type/name==version, one a line, between blank lines
// and comments. Pins of other types than container say nothing about images.
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
		left, right, isPin := strings.Cut(line, "==")
		kind, image, hasType := strings.Cut(left, "/")
		if !isPin || !hasType || kind == "" || image == "" || right == "" {
			return nil, fmt.Errorf("%s: %q is not type/name==version", name, line)
		}
		if kind == "container" {
			pins[version{image, right}] = true
		}
	}
	return pins, nil
}
