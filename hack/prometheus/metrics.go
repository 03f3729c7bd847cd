package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// others are the metrics of controller-runtime and of the Prometheus client that are used.
var others = []string{
	"process_cpu_seconds_total",
	"process_resident_memory_bytes",
}

// metrics are the names of the known metrics.
type metrics map[string]bool

// row is a row of the table of metrics: | `name` | ...
var row = regexp.MustCompile("(?m)^\\| *`([a-z0-9_]+)[`{]")

// readMetrics reads the names of pinsync's metrics from the page that lists them.
func readMetrics(name string) (metrics, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	known := metrics{}
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		known[match[1]] = true
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("%s: want a table with metrics in its first column", name)
	}
	for _, other := range others {
		known[other] = true
	}
	return known, nil
}

// checkRules checks that each metric in the rules exists, or is recorded by a rule.
func (m metrics) checkRules(p parser.Parser, groups []rulefmt.RuleGroup) error {
	recorded := maps.Clone(m)
	for rule := range rulesOf(groups) {
		if rule.Record != "" {
			recorded[rule.Record] = true
		}
	}
	var errs []error
	for rule := range rulesOf(groups) {
		errs = append(errs, recorded.check(p, rule.Alert+rule.Record, []string{rule.Expr}))
	}
	return errors.Join(errs...)
}

// check checks that each metric in the expressions exists.
func (m metrics) check(p parser.Parser, place string, expressions []string) error {
	var errs []error
	for _, expression := range expressions {
		parsed, err := p.ParseExpr(expression)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", place, expression, err))
			continue
		}
		for _, name := range namesIn(parsed) {
			if !m.has(name) {
				errs = append(errs, fmt.Errorf("%s: unknown metric %q in: %s", place, name, expression))
			}
		}
	}
	return errors.Join(errs...)
}

// has reports whether a metric exists, or is a series of a histogram that exists.
func (m metrics) has(name string) bool {
	return m[name] || slices.ContainsFunc([]string{"_bucket", "_count", "_sum"}, func(suffix string) bool {
		base, ok := strings.CutSuffix(name, suffix)
		return ok && m[base]
	})
}

// namesIn returns the metrics that an expression selects.
func namesIn(expression parser.Expr) []string {
	var names []string
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			names = append(names, selector.Name)
		}
		return nil
	})
	return names
}
