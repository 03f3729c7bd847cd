package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
)

// loggerOptions are the flags for the log, with the names and values of Flux's controllers.
type loggerOptions struct {
	level, encoding string
}

func (o *loggerOptions) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.level, "log-level", "info", "`LEVEL` of the log: trace, debug, info or error")
	flags.StringVar(&o.encoding, "log-encoding", "json", "`ENCODING` of the log: json or console")
}

// logger returns the logger that the flags describe.
func (o *loggerOptions) logger(out io.Writer) (logr.Logger, error) {
	level, ok := map[string]slog.Level{"trace": traceLevel, "debug": debugLevel, "info": slog.LevelInfo, "error": slog.LevelError}[o.level]
	if !ok {
		return logr.Logger{}, fmt.Errorf("--log-level %q: want trace, debug, info or error", o.level)
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: nameAsFlux}
	switch o.encoding {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(out, options)), nil
	case "console":
		return logr.FromSlogHandler(slog.NewTextHandler(out, options)), nil
	default:
		return logr.Logger{}, fmt.Errorf("--log-encoding %q: want json or console", o.encoding)
	}
}

// What logr's V(1) and V(2) are for slog: the levels debug and trace of Flux's controllers.
const (
	debugLevel slog.Level = -1
	traceLevel slog.Level = -2
)

// nameAsFlux gives time and level the names that Flux's controllers give them.
func nameAsFlux(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return attr
	}
	switch level, ok := attr.Value.Any().(slog.Level); {
	case attr.Key == slog.TimeKey:
		attr.Key = "ts"
	case attr.Key != slog.LevelKey || !ok:
	case level >= slog.LevelError:
		attr.Value = slog.StringValue("error")
	case level >= slog.LevelWarn:
		attr.Value = slog.StringValue("warning")
	case level >= slog.LevelInfo:
		attr.Value = slog.StringValue("info")
	case level >= debugLevel:
		attr.Value = slog.StringValue("debug")
	default:
		attr.Value = slog.StringValue("trace")
	}
	return attr
}
