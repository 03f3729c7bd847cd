package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// The README names every flag, every field of the configuration, and shows a
// configuration that is one.
func TestREADMEIsUpToDate(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	for _, command := range newRootCommand().Commands() {
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if !strings.Contains(readme, "`--"+flag.Name+"`") {
				t.Errorf("it does not name --%s of %s", flag.Name, command.Name())
			}
		})
	}
	_, example, _ := strings.Cut(readme, "## Configuration\n\n```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := configuration.Parse([]byte(example)); err != nil {
		t.Errorf("its configuration: %v", err)
	}
	for _, fields := range []reflect.Type{reflect.TypeFor[v1alpha1.Configuration](), reflect.TypeFor[v1alpha1.Registry]()} {
		for _, field := range reflect.VisibleFields(fields) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(example, name+": ") && !strings.Contains(example, name+":\n") {
				t.Errorf("its configuration does not show %s", name)
			}
		}
	}
}
