package controllers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A replica that leads no more, and starts again in the same process, has no metrics of a list until it leads
// again.
func TestMetricsOfAFormerLeader(t *testing.T) {
	former, err := newMetrics("v1")
	if err != nil {
		t.Fatal(err)
	}
	former.complete.WithLabelValues().Set(1)
	former.problems.WithLabelValues("ReadFailed").Set(1)
	now, err := newMetrics("v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, gauge := range []*prometheus.GaugeVec{now.complete, now.problems} {
		metrics := make(chan prometheus.Metric, 10)
		if gauge.Collect(metrics); len(metrics) > 0 {
			t.Errorf("there is %s", <-metrics)
		}
	}
}
