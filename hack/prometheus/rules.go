package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// manifest is a PrometheusRule. Its spec has the format of a rules file.
type manifest struct {
	Kind string    `yaml:"kind"`
	Spec yaml.Node `yaml:"spec"`
}

// readRules reads the rules of PrometheusRules, as strictly as Prometheus can.
func readRules(p parser.Parser, names []string) ([]rulefmt.RuleGroup, error) {
	var groups []rulefmt.RuleGroup
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var m manifest
		if err := yaml.Unmarshal(text, &m); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if m.Kind != "PrometheusRule" {
			return nil, fmt.Errorf("%s: kind is %q, want PrometheusRule", name, m.Kind)
		}
		spec, err := yaml.Marshal(&m.Spec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		parsed, errs := rulefmt.Parse(spec, false, model.LegacyValidation, p, slog.Default())
		if len(errs) > 0 {
			return nil, fmt.Errorf("%s: %w", name, errors.Join(errs...))
		}
		groups = append(groups, parsed.Groups...)
	}
	return groups, nil
}

// checkAlerts checks that each alert has a severity, a summary, a description and a runbook.
func checkAlerts(groups []rulefmt.RuleGroup) error {
	var errs []error
	for alert := range rulesOf(groups) {
		if alert.Alert == "" {
			continue
		}
		if alert.Labels["severity"] == "" {
			errs = append(errs, fmt.Errorf("%s has no label severity", alert.Alert))
		}
		for _, annotation := range []string{"summary", "description", "runbook_url"} {
			if alert.Annotations[annotation] == "" {
				errs = append(errs, fmt.Errorf("%s has no annotation %s", alert.Alert, annotation))
			}
		}
	}
	return errors.Join(errs...)
}

// rulesOf iterates over the rules of all groups.
func rulesOf(groups []rulefmt.RuleGroup) func(yield func(*rulefmt.Rule) bool) {
	return func(yield func(*rulefmt.Rule) bool) {
		for i := range groups {
			for j := range groups[i].Rules {
				if !yield(&groups[i].Rules[j]) {
					return
				}
			}
		}
	}
}
