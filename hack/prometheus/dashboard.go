package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// readDashboard reads the expressions of a dashboard's panels, with a value for Grafana's
// variable $__rate_interval.
func readDashboard(name string) ([]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var expressions []string
	for _, panel := range dashboard.Panels {
		if len(panel.Targets) == 0 {
			return nil, fmt.Errorf("%s: panel %q has no targets", name, panel.Title)
		}
		for _, target := range panel.Targets {
			expressions = append(expressions, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
		}
	}
	if len(expressions) == 0 {
		return nil, fmt.Errorf("%s has no panels", name)
	}
	return expressions, nil
}
