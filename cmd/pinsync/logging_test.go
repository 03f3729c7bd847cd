package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The values of the flags are those of Flux's controllers.
func TestLogger(t *testing.T) {
	tests := map[string]struct{ args, want []string }{
		"default":  {nil, []string{`"level":"error"`, `"level":"info"`}},
		"error":    {[]string{"--log-level=error"}, []string{`"level":"error"`}},
		"debug":    {[]string{"--log-level=debug"}, []string{`"level":"error"`, `"level":"info"`, `"level":"debug"`}},
		"trace":    {[]string{"--log-level=trace"}, []string{`"level":"error"`, `"level":"info"`, `"level":"debug"`, `"level":"trace"`}},
		"for eyes": {[]string{"--log-encoding=console"}, []string{"level=error", "level=info"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var o loggerOptions
			flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
			o.addTo(flags)
			if err := flags.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			logger, err := o.logger(&out)
			if err != nil {
				t.Fatal(err)
			}
			logger.Error(nil, "failed")
			logger.Info("done")
			logger.V(1).Info("detail")
			logger.V(2).Info("more")
			logger.V(3).Info("too much")
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(lines) != len(test.want) {
				t.Fatalf("logged %q, want %d lines", lines, len(test.want))
			}
			for i, want := range test.want {
				if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "ts") {
					t.Errorf("logged %q, want %q", lines[i], want)
				}
			}
		})
	}
}
