package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

// replay evaluates the rules on every history.
func replay(p parser.Parser, groups []rulefmt.RuleGroup, name string) error {
	histories, err := readHistories(name)
	if err != nil {
		return err
	}
	var errs []error
	fired := map[string]bool{}
	for i := range histories {
		if err := histories[i].replay(p, groups, fired); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", name, histories[i].Name, err))
		}
	}
	for rule := range rulesOf(groups) {
		if rule.Alert != "" && !fired[rule.Alert] {
			errs = append(errs, fmt.Errorf("%s: no history expects %s to fire", name, rule.Alert))
		}
	}
	return errors.Join(errs...)
}

// replay evaluates the rules from the first sample on, and records which alerts must fire.
func (h *history) replay(p parser.Parser, groups []rulefmt.RuleGroup, fired map[string]bool) (err error) {
	prometheus, err := promqltest.NewLazyLoader(h.load(), promqltest.LazyLoaderOpts{
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: p,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prometheus.Close()) }()
	loaded, err := load(p, groups, prometheus)
	if err != nil {
		return err
	}
	var errs []error
	times := h.times()
	for at := time.Duration(0); at <= time.Duration(times[len(times)-1]); at += interval {
		now := time.Unix(0, 0).Add(at)
		prometheus.WithSamplesTill(now, func(err error) { errs = append(errs, err) })
		firing, err := evaluate(prometheus.Context(), loaded, now)
		errs = append(errs, err)
		expected, ok := h.Firing[model.Duration(at)]
		if slices.Sort(expected); ok && !slices.Equal(firing, expected) {
			errs = append(errs, fmt.Errorf("at %s firing are %q, want %q", at, firing, expected))
		}
		for _, alert := range expected {
			name, _, _ := strings.Cut(alert, "{")
			fired[name] = true
		}
	}
	return errors.Join(append(errs, h.checkValues(prometheus))...)
}

// load prepares the rules for evaluation.
func load(p parser.Parser, groups []rulefmt.RuleGroup, prometheus *promqltest.LazyLoader) ([]*rules.Group, error) {
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(prometheus.QueryEngine(), prometheus.Storage()),
		AppendableV2: prometheus.Storage(),
		Context:      prometheus.Context(),
		NotifyFunc:   func(context.Context, string, ...*rules.Alert) {},
		Logger:       slog.New(slog.DiscardHandler),
		Parser:       p,
		GroupLoader:  loader{p, groups},
	})
	byName, errs := manager.LoadGroups(interval, labels.EmptyLabels(), "", nil, false, "rules")
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	loaded := slices.Collect(maps.Values(byName))
	for _, group := range loaded {
		for _, alert := range group.AlertingRules() {
			alert.SetRestored(true) // there is no earlier state to restore
		}
	}
	return loaded, nil
}

// loader returns rules that were already read.
type loader struct {
	parser.Parser
	groups []rulefmt.RuleGroup
}

func (l loader) Load(string, bool, model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	return &rulefmt.RuleGroups{Groups: l.groups}, nil
}

func (l loader) Parse(query string) (parser.Expr, error) {
	return l.ParseExpr(query)
}

// evaluate evaluates the rules and returns the firing alerts, sorted.
func evaluate(ctx context.Context, groups []*rules.Group, now time.Time) (firing []string, err error) {
	var errs []error
	for _, group := range groups {
		group.Eval(ctx, now)
		for _, rule := range group.Rules() {
			errs = append(errs, rule.LastError())
		}
		for _, rule := range group.AlertingRules() {
			for _, alert := range rule.ActiveAlerts() {
				errs = append(errs, checkText(rule, alert))
				if alert.State == rules.StateFiring {
					firing = append(firing, title(alert))
				}
			}
		}
	}
	slices.Sort(firing)
	return firing, errors.Join(errs...)
}

// usedLabel is a label that an annotation's template names.
var usedLabel = regexp.MustCompile(`\$labels\.(\w+)`)

// checkText checks that the templates of an alert's annotations were expanded, with a value
// for every label that they use.
func checkText(rule *rules.AlertingRule, alert *rules.Alert) error {
	var errs []error
	alert.Annotations.Range(func(annotation labels.Label) {
		if strings.Contains(annotation.Value, "<error expanding template") {
			errs = append(errs, fmt.Errorf("%s: annotation %s: %s", rule.Name(), annotation.Name, annotation.Value))
		}
	})
	rule.Annotations().Range(func(annotation labels.Label) {
		for _, used := range usedLabel.FindAllStringSubmatch(annotation.Value, -1) {
			if !alert.Labels.Has(used[1]) {
				errs = append(errs, fmt.Errorf("%s: annotation %s uses label %q, which the alert does not have", rule.Name(), annotation.Name, used[1]))
			}
		}
	})
	return errors.Join(errs...)
}

// title returns an alert's name, and the labels that distinguish it from others of that name.
func title(alert *rules.Alert) string {
	name := alert.Labels.Get(labels.AlertName)
	rest := labels.NewBuilder(alert.Labels).Del(labels.AlertName, "severity").Labels()
	if rest.IsEmpty() {
		return name
	}
	return name + rest.String()
}

// checkValues checks the values of expressions.
func (h *history) checkValues(prometheus *promqltest.LazyLoader) error {
	var errs []error
	for expression, values := range h.Values {
		for at, expected := range values {
			now := time.Unix(0, 0).Add(time.Duration(at))
			query, err := prometheus.QueryEngine().NewInstantQuery(
				prometheus.Context(), prometheus.Queryable(), nil, expression, now)
			if err != nil {
				return err
			}
			vector, err := query.Exec(prometheus.Context()).Vector()
			if err != nil || !isOne(vector, expected) {
				errs = append(errs, errors.Join(err, fmt.Errorf("at %s %s is %s, want %v", at, expression, vector, expected)))
			}
		}
	}
	return errors.Join(errs...)
}

// isOne reports whether a vector has one sample, of this value.
func isOne(vector promql.Vector, value float64) bool {
	return len(vector) == 1 && vector[0].F == value
}
