// Command dockerfile-lint parses a Dockerfile with BuildKit's parser and runs BuildKit's
// checks, without a Docker daemon and without a registry.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dockerfile-lint DOCKERFILE")
		os.Exit(2)
	}
	if err := lint(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	fmt.Println(os.Args[1], "has no warnings")
}

// lint returns an error that lists every warning.
func lint(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return err
	}
	var warnings []error
	for _, warning := range parsed.Warnings {
		warnings = append(warnings, errors.New(warning.Short))
	}
	checks := linter.New(&linter.Config{Warn: func(rule, _, _, detail string, _ []parser.Range) {
		warnings = append(warnings, fmt.Errorf("%s: %s", rule, detail))
	}})
	if _, _, err := instructions.Parse(parsed.AST, checks); err != nil {
		return err
	}
	return errors.Join(warnings...)
}
