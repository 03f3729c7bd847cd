package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// exportSummary describes an export that has succeeded in one line.
func exportSummary(c *collected) string {
	var lists []string
	for i := range c.exported.Lists {
		l := &c.exported.Lists[i]
		text := fmt.Sprintf("%s (%d)", l.Name, l.Pins)
		if l.SyncedAt != "" {
			text = fmt.Sprintf("%s of %s (%d, current at %s)", l.Name, l.Cluster, l.Pins, l.SyncedAt)
		}
		lists = append(lists, text)
	}
	text := fmt.Sprintf("exported %s: %s", object.Amount(len(c.exported.Pins), "pin"), strings.Join(lists, ", "))
	if c.mayLack > 0 {
		text += fmt.Sprintf("; releases that may need more: %d, see pinsync status", c.mayLack)
	}
	if c.isFirst {
		text += "; no earlier state: the loss of pins was not checked"
	}
	return text
}

// exportMetrics returns the metrics of an export that has succeeded, for the textfile collector of
// Prometheus' node exporter.
func exportMetrics(exported *v1alpha1.PinExport, now time.Time) (string, error) {
	registry := prometheus.NewRegistry()
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		vector := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		registry.MustRegister(vector)
		return vector
	}
	gauge("pinsync_export_last_success_timestamp_seconds", "When an export succeeded last, in seconds since 1970.").
		WithLabelValues().Set(float64(now.Unix()))
	pins := gauge("pinsync_export_pins", "Pins of the last export, by list.", "cluster", "namespace", "name")
	synced := gauge("pinsync_export_list_sync_timestamp_seconds",
		"When the lists of the last export were last known to be current, in seconds since 1970.", "cluster", "namespace", "name")
	for i := range exported.Lists {
		l := &exported.Lists[i]
		pins.WithLabelValues(l.Cluster, l.Namespace, l.Name).Set(float64(l.Pins))
		if at, err := time.Parse(time.RFC3339, l.SyncedAt); err == nil {
			synced.WithLabelValues(l.Cluster, l.Namespace, l.Name).Set(float64(at.Unix()))
		}
	}
	families, err := registry.Gather()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// giteaWarning describes what Gitea's clean-up rules do not do.
func giteaWarning(rules string) string {
	warnings := []string{"Gitea's clean-up rules look at no pods: they keep the tags of live releases only with releases: All"}
	for line := range strings.Lines(rules) {
		owner, pattern, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if len(pattern) > pinlist.MaxGiteaPattern {
			warnings = append(warnings, fmt.Sprintf("the pattern of %s has %d characters, and only a Gitea with SQLite takes more than %d",
				owner, len(pattern), pinlist.MaxGiteaPattern))
		}
	}
	return printable(strings.Join(warnings, "; "))
}
