package controllers

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// problemCounter is the metric of the report's problems.
type problemCounter struct {
	problems *prometheus.GaugeVec
}

// newProblemCounter registers the metric, or takes the one that another manager
// of the process has registered.
func newProblemCounter() (*problemCounter, error) {
	problems := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pinsync_problems",
		Help: "Problems in the report, by their reason: what may keep a tag out of the list.",
	}, []string{"reason"})
	err := metrics.Registry.Register(problems)
	if registered, is := errors.AsType[prometheus.AlreadyRegisteredError](err); is {
		if before, isVec := registered.ExistingCollector.(*prometheus.GaugeVec); isVec {
			return &problemCounter{before}, nil
		}
	}
	return &problemCounter{problems}, err
}

// count sets the metric to a report's problems.
func (c *problemCounter) count(report *v1alpha1.PinReport) {
	c.problems.Reset()
	for i := range report.Problems {
		c.problems.WithLabelValues(string(report.Problems[i].Reason)).Inc()
	}
	for i := range report.Releases {
		for j := range report.Releases[i].Problems {
			c.problems.WithLabelValues(string(report.Releases[i].Problems[j].Reason)).Inc()
		}
	}
}
